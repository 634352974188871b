"""How the embedded model was made: the perception tower, the question samples, the language tower."""

"""The embedded model: a perception tower that proposes objects, and a small language model that reasons over them."""

"""Results to files: JSON, GeoJSON, masks, contours, overlays. Each module turns a result into one kind of file."""

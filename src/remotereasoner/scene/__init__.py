"""The only door to rasters, and the value that comes out of it: :class:`~remotereasoner.scene.scene.Scene`."""

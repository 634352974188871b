"""RemoteReasoner: ask questions of overhead imagery, get boxes, masks and contours on the map."""

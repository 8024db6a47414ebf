"""What a page of the gateway's own says over HTTP: the console in the browser."""

"""The console in the browser: pages, modules and styles, which the gateway serves as is."""

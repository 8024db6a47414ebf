"""The console in the browser, as far as the gateway serves it: pages, logins, the calls of both."""

// Package abidehttp lets net/http reach the network from step bodies.
//
// Importing it is enough: http.Get, http.DefaultClient and every client without a transport of its own then send their requests through the host, within the app's
// policy. In workflow code a request fails: it belongs into a step's body, or use abide.Fetch.
//
//	import _ "abide/sdk/abidehttp"
//
// It is a package of its own because net/http makes a component larger by 6 MB.
package abidehttp

import "net/http"

// Transport sends requests through the host. The zero value is ready.
type Transport struct{}

// Client is a client of its own with this transport.
func Client() *http.Client { return &http.Client{Transport: Transport{}} }

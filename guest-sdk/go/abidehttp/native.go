//go:build !wasip1

package abidehttp

import "net/http"

// RoundTrip sends a request natively, in tests.
func (Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	return http.DefaultTransport.RoundTrip(request)
}

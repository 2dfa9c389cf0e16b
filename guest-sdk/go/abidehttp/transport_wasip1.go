package abidehttp

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"

	handler "abide/sdk/internal/bindings/imports/wasi_http_outgoing_handler"
	types "abide/sdk/internal/bindings/imports/wasi_http_types"
	poll "abide/sdk/internal/bindings/imports/wasi_io_poll"
	streams "abide/sdk/internal/bindings/imports/wasi_io_streams"
	memory "abide/sdk/internal/wit/runtime"
	wit "abide/sdk/internal/wit/types"
)

func init() { http.DefaultTransport = Transport{} }

// The host takes at most so much at once.
const maxWrite = 4096

// Pieces in which a response is read.
const maxRead = 64 << 10

// RoundTrip sends a request and waits for the head of its response. It is http.RoundTripper's.
func (Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Body != nil {
		defer request.Body.Close()
	}
	if err := request.Context().Err(); err != nil {
		return nil, err
	}
	outgoing, err := head(request)
	if err != nil {
		return nil, err
	}
	body := outgoing.Body()
	if body.IsErr() {
		return nil, errors.New("the host does not take the request's body")
	}
	handled := handler.Handle(outgoing, wit.None[*types.RequestOptions]())
	if handled.IsErr() {
		return nil, failed(request, handled.Err())
	}
	coming := handled.Ok()
	defer coming.Drop()
	if err := send(body.Ok(), request.Body); err != nil {
		return nil, err
	}
	wait(coming.Subscribe())
	answered := coming.Get()
	memory.Unpin()
	if answered.Tag() == wit.OptionNone || answered.Some().IsErr() {
		return nil, errors.New("the host has no response")
	}
	result := answered.Some().Ok()
	if result.IsErr() {
		return nil, failed(request, result.Err())
	}
	return receive(request, result.Ok())
}

// head makes the request without its body.
func head(request *http.Request) (*types.OutgoingRequest, error) {
	var entries []wit.Tuple2[string, []uint8]
	for name, values := range request.Header {
		for _, value := range values {
			entries = append(entries, wit.Tuple2[string, []uint8]{F0: strings.ToLower(name), F1: []byte(value)})
		}
	}
	if request.ContentLength > 0 && request.Body != nil {
		entries = append(entries, wit.Tuple2[string, []uint8]{F0: "content-length", F1: []byte(strconv.FormatInt(request.ContentLength, 10))})
	}
	fields := types.FieldsFromList(entries)
	if fields.IsErr() {
		return nil, errors.New("the host refuses a header of the request")
	}
	outgoing := types.MakeOutgoingRequest(fields.Ok())
	scheme := types.MakeSchemeHttps()
	if request.URL.Scheme == "http" {
		scheme = types.MakeSchemeHttp()
	}
	host := request.Host
	if host == "" {
		host = request.URL.Host
	}
	if outgoing.SetMethod(method(request.Method)).IsErr() || outgoing.SetScheme(wit.Some(scheme)).IsErr() ||
		outgoing.SetAuthority(wit.Some(host)).IsErr() || outgoing.SetPathWithQuery(wit.Some(request.URL.RequestURI())).IsErr() {
		return nil, fmt.Errorf("the host refuses the request %s %s", request.Method, request.URL)
	}
	return outgoing, nil
}

func method(name string) types.Method {
	switch name {
	case "", http.MethodGet:
		return types.MakeMethodGet()
	case http.MethodHead:
		return types.MakeMethodHead()
	case http.MethodPost:
		return types.MakeMethodPost()
	case http.MethodPut:
		return types.MakeMethodPut()
	case http.MethodDelete:
		return types.MakeMethodDelete()
	case http.MethodPatch:
		return types.MakeMethodPatch()
	case http.MethodOptions:
		return types.MakeMethodOptions()
	default:
		return types.MakeMethodOther(name)
	}
}

// send writes the request's body and ends it.
func send(body *types.OutgoingBody, from io.Reader) error {
	if from != nil {
		opened := body.Write()
		if opened.IsErr() {
			return errors.New("the host does not take the request's body")
		}
		stream := opened.Ok()
		piece := make([]byte, maxWrite)
		for {
			count, err := from.Read(piece)
			if count > 0 && stream.BlockingWriteAndFlush(piece[:count]).IsErr() {
				stream.Drop()
				return errors.New("the connection ended while the request was being sent")
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				stream.Drop()
				return err
			}
		}
		stream.Drop()
	}
	if types.OutgoingBodyFinish(body, wit.None[*types.Fields]()).IsErr() {
		return errors.New("the request's body is not as long as it said")
	}
	return nil
}

// receive makes the response, whose body is read as it comes.
func receive(request *http.Request, incoming *types.IncomingResponse) (*http.Response, error) {
	status := int(incoming.Status())
	fields := incoming.Headers()
	headers := http.Header{}
	for _, entry := range fields.Entries() {
		headers.Add(entry.F0, string(entry.F1))
	}
	fields.Drop()
	memory.Unpin()
	consumed := incoming.Consume()
	if consumed.IsErr() {
		return nil, errors.New("the response has no body")
	}
	body := consumed.Ok()
	stream := body.Stream()
	if stream.IsErr() {
		return nil, errors.New("the response's body cannot be read")
	}
	length := int64(-1)
	if said, err := strconv.ParseInt(headers.Get("Content-Length"), 10, 64); err == nil {
		length = said
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: headers, ContentLength: length, Request: request, Body: &responseBody{stream: stream.Ok(), body: body, response: incoming},
	}, nil
}

type responseBody struct {
	stream   *streams.InputStream
	body     *types.IncomingBody
	response *types.IncomingResponse
	rest     []byte
	ended    bool
}

func (b *responseBody) Read(into []byte) (int, error) {
	for len(b.rest) == 0 {
		if b.ended || b.stream == nil {
			return 0, io.EOF
		}
		wait(b.stream.Subscribe())
		read := b.stream.Read(maxRead)
		memory.Unpin()
		if read.IsErr() {
			b.ended = true
			if read.Err().Tag() == streams.StreamError_Closed {
				return 0, io.EOF
			}
			return 0, errors.New("the connection ended while the response was being read")
		}
		b.rest = read.Ok()
	}
	count := copy(into, b.rest)
	b.rest = b.rest[count:]
	return count, nil
}

func (b *responseBody) Close() error {
	if b.stream != nil {
		b.stream.Drop()
		b.body.Drop()
		b.response.Drop()
		b.stream = nil
	}
	return nil
}

var waiting []*poll.Pollable

// wait blocks until the host has what is waited for. The other goroutines of the body go on first; then whoever began to wait first waits for all.
func wait(it *poll.Pollable) {
	waiting = append(waiting, it)
	defer func() {
		for i, other := range waiting {
			if other == it {
				waiting = append(waiting[:i], waiting[i+1:]...)
				break
			}
		}
		it.Drop()
	}()
	for !it.Ready() {
		runtime.Gosched()
		if waiting[0] == it {
			poll.Poll(append([]*poll.Pollable(nil), waiting...))
			memory.Unpin()
		}
	}
}

func failed(request *http.Request, code types.ErrorCode) error {
	return fmt.Errorf("%s %s: %s", request.Method, request.URL.Host, describe(code))
}

func describe(code types.ErrorCode) string {
	switch code.Tag() {
	case types.ErrorCode_HttpRequestDenied:
		return "the host does not allow this request: workflow code reaches nothing (move it into a step's body, or use abide.Fetch), and a private address must be allowed to the app by name"
	case types.ErrorCode_DnsError, types.ErrorCode_DnsTimeout, types.ErrorCode_DestinationNotFound:
		return "the name of the service is not known"
	case types.ErrorCode_ConnectionRefused:
		return "connection refused"
	case types.ErrorCode_ConnectionTimeout, types.ErrorCode_ConnectionReadTimeout, types.ErrorCode_HttpResponseTimeout:
		return "the service did not answer in time"
	case types.ErrorCode_InternalError:
		return code.InternalError().SomeOr("the host failed")
	default:
		return fmt.Sprintf("the request failed (code %d of wasi:http)", code.Tag())
	}
}

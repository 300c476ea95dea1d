package upstream

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

// reading is a line on which a text arrives, some bytes at a time.
func reading(text string, most int64) *line {
	l := &line{c: &conn{up: new(Upstream), s: &settings{Options: Options{MaxResponse: most}}}}
	l.raw = newTap(&arriving{text: text})
	l.in = limited{l.raw, maxAnswerField}
	l.br = bufio.NewReaderSize(&l.in, 64)
	return l
}

type arriving struct {
	net.Conn
	text string
}

func (a *arriving) Read(p []byte) (int, error) {
	if a.text == "" {
		return 0, io.EOF
	}
	n := copy(p, a.text[:min(len(a.text), 50)])
	a.text = a.text[n:]
	return n, nil
}

// TestAnswer: answers as servers write them (RFC 9112).
func TestAnswer(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	for _, test := range []struct {
		name, text string
		want       Response
		again      bool
	}{
		{"plain", "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nContent-Length: 2\r\n\r\nok",
			Response{200, []Header{{"Content-Length", "2"}, {"Content-Type", "text/plain"}}, []byte("ok")}, true},
		{"no reason, lines end in LF", "HTTP/1.1 403\nContent-Length:0\n\n", Response{403, []Header{{"Content-Length", "0"}}, nil}, true},
		{"twice, in order", "HTTP/1.1 200 \r\nX-b: 1\r\nX-A:\t2 \r\nx-B: 3\r\nContent-Length: 0\r\n\r\n",
			Response{200, []Header{{"Content-Length", "0"}, {"X-A", "2"}, {"X-B", "1"}, {"X-B", "3"}}, nil}, true},
		{"until the end", "HTTP/1.1 200 OK\r\nA: b\r\n\r\nabc", Response{200, []Header{{"A", "b"}}, []byte("abc")}, false},
		{"no content", "HTTP/1.1 204 No Content\r\n\r\n", Response{204, []Header{}, nil}, true},
		{"not modified", "HTTP/1.1 304 X\r\nContent-Length: 100\r\n\r\n", Response{304, []Header{{"Content-Length", "100"}}, nil}, true},
		{"close", "HTTP/1.1 200 OK\r\nConnection: x, CLOSE\r\nContent-Length: 1\r\n\r\na",
			Response{200, []Header{{"Content-Length", "1"}}, []byte("a")}, false},
		{"1.0", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", Response{200, []Header{{"Content-Length", "1"}}, []byte("a")}, false},
		{"1.0 that keeps", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na",
			Response{200, []Header{{"Content-Length", "1"}}, []byte("a")}, true},
		{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nTrailer: x\r\n\r\n3\r\nabc\r\n00A ; n=\"v\"\r\n0123456789\r\n0\r\nx: y\r\n\r\n",
			Response{200, []Header{}, []byte("abc0123456789")}, true},
		{"long", "HTTP/1.1 200 OK\r\nA: " + long + "\r\nContent-Length: 10000\r\n\r\n" + long,
			Response{200, []Header{{"A", long}, {"Content-Length", "10000"}}, []byte(long)}, true},
		{"interim", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Response{200, []Header{{"Content-Length", "0"}}, nil}, true},
		{"more", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1", Response{200, []Header{{"Content-Length", "0"}}, nil}, false},
	} {
		got, again, err := reading(test.text, 1<<20).answer(&Request{}, nil)
		if err != nil || again != test.again || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %+v, again %v, %v", test.name, got, again, err)
		}
	}
}

// TestAnswerRefused: an answer of which it is not certain where it ends is none.
func TestAnswerRefused(t *testing.T) {
	const ok, chunked = "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	status := errors.New("a bad status line")
	for text, want := range map[string]error{
		ok + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n":          errBothLengths,
		ok + "Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc":               errBothLengths,
		ok + "Content-Length: 3\r\ncontent-length: 3\r\n\r\nabc":                         errLengths,
		ok + "Content-Length: 3, 3\r\n\r\nabc":                                           errLengths,
		ok + "Content-Length: +3\r\n\r\nabc":                                             errLengths,
		ok + "Content-Length: -3\r\n\r\nabc":                                             errLengths,
		ok + "Content-Length: 0x3\r\n\r\nabc":                                            errLengths,
		ok + "Content-Length:\r\n\r\nabc":                                                errLengths,
		ok + "Content-Length: 9223372036854775808\r\n\r\n":                               errLengths,
		ok + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n":                         errEncoding,
		ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": errEncoding,
		ok + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n":                           errField,
		"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n":                 errEncoding,
		ok + "A: b\r\n c\r\n\r\n":                                                        errFold,
		ok + "\tA: b\r\n\r\n":                                                            errFold,
		ok + "A b\r\n\r\n":                                                               errField,
		ok + "A : b\r\n\r\n":                                                             errField,
		ok + ": b\r\n\r\n":                                                               errField,
		ok + "A\x00: b\r\n\r\n":                                                          errField,
		ok + "A: b\x00\r\n\r\n":                                                          errField,
		ok + "A: b\rContent-Length: 3\r\n\r\n":                                           errField,
		chunked + "\r\n":                                                                 errChunk,
		chunked + "g\r\n":                                                                errChunk,
		chunked + "-1\r\n":                                                               errChunk,
		chunked + "0x1\r\na\r\n0\r\n\r\n":                                                errChunk,
		chunked + "1\na\r\n0\r\n\r\n":                                                    errChunk,
		chunked + "1 \r\na\r\n0\r\n\r\n":                                                 errChunk,
		chunked + "1;a\x00\r\na\r\n0\r\n\r\n":                                            errChunk,
		chunked + "1;a\rb\r\na\r\n0\r\n\r\n":                                             errChunk,
		chunked + "1\r\nab\r\n0\r\n\r\n":                                                 errChunk,
		chunked + "1\r\na\n0\r\n\r\n":                                                    errChunk,
		chunked + "10000000000000000\r\na\r\n":                                           errChunk,
		chunked + "1;" + strings.Repeat("x", 200):                                        errChunk,
		chunked + strings.Repeat("1;xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\na\r\n", 700) + "0\r\n\r\n": errChunk,
		chunked + "0\r\n\n":          errChunk,
		chunked + "0\r\na b\r\n\r\n": errField,
		chunked + "0\r\n" + strings.Repeat("a: b\r\n", 10_000) + "\r\n": errFields,
		ok + strings.Repeat("a: b\r\n", 10_000) + "\r\n":                errFields,
		ok + "Content-Length: 3\r\n\r\nab":                              io.ErrUnexpectedEOF,
		ok + "Content-Length: 3\r\n\r\n":                                io.ErrUnexpectedEOF,
		ok + "Content-Le":                                               io.ErrUnexpectedEOF,
		chunked + "3\r\nab":                                             io.ErrUnexpectedEOF,
		chunked + "3\r\nabc":                                            io.ErrUnexpectedEOF,
		chunked + "0\r\n":                                               io.ErrUnexpectedEOF,
		"HTTP/1.1 200OK\r\n\r\n":                                        status,
		"HTTP/1.1 20\r\n\r\n":                                           status,
		"HTTP/1.1 +20 OK\r\n\r\n":                                       status,
		"HTTP/1.1 099 OK\r\n\r\n":                                       status,
		"HTTP/1.1  200 OK\r\n\r\n":                                      status,
		"HTTP/2.0 200 OK\r\n\r\n":                                       status,
		"HTTP/1.x 200 OK\r\n\r\n":                                       status,
		"http/1.1 200 OK\r\n\r\n":                                       status,
		" HTTP/1.1 200 OK\r\n\r\n":                                      status,
		"\r\n" + ok + "\r\n":                                            errField,
		"HTTP/1.1 101 Switching Protocols\r\n\r\n":                      errSwitches,
	} {
		got, again, err := reading(text, 1<<20).answer(&Request{}, nil)
		matches := errors.Is(err, want) || want == status && err != nil && strings.Contains(err.Error(), "malformed HTTP status line")
		if !matches || again || !reflect.DeepEqual(got, Response{}) {
			t.Errorf("%.80q: %+v, again %v, %v; want %v", text, got, again, err, want)
		}
	}
	for _, text := range []string{ok + "Content-Length: 11\r\n\r\n0123456789a", ok + "\r\n0123456789a", chunked + "a\r\n0123456789\r\n1\r\na\r\n0\r\n\r\n"} {
		if _, _, err := reading(text, 10).answer(&Request{}, nil); kind(t, err) != TooLarge {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// FuzzAnswer: what is understood, net/http understands alike, to the byte.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nb: c\r\nA:d\r\n\r\nokHTTP/1.1",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nx: y\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 204\nConnection: keep-alive\n\n",
		"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nbody",
		"HTTP/1.1 304 X\r\nContent-Length: 5\r\nTrailer: a\r\n\r\n",
	} {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, text string, isHead bool) {
		r := &Request{}
		request := &http.Request{Method: http.MethodGet}
		if isHead {
			r.Method, request.Method = http.MethodHead, http.MethodHead
		}
		l := reading(text, 1<<20)
		got, again, err := l.answer(r, nil)
		if err != nil {
			if again || !reflect.DeepEqual(got, Response{}) {
				t.Errorf("%+v with %v", got, err)
			}
			return
		}
		theirs := strings.NewReader(text)
		in := bufio.NewReader(theirs)
		res, err := http.ReadResponse(in, request)
		for err == nil && res.StatusCode < 200 {
			res, err = http.ReadResponse(in, request)
		}
		if err != nil {
			t.Fatalf("%+v, which net/http refuses: %v", got, err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil || string(body) != string(got.Body) || res.StatusCode != got.Status {
			t.Errorf("%d %q, not %d %q (%v)", got.Status, got.Body, res.StatusCode, body, err)
		}
		if len(res.Header["Pragma"]) == 0 { // which net/http takes for Cache-Control
			delete(res.Header, "Trailer")
			delete(res.Header, "Connection")
			if want := list(res.Header); !reflect.DeepEqual(got.Header, want) {
				t.Errorf("%q, not %q", got.Header, want)
			}
		}
		if a, b := l.br.Buffered()+len(l.raw.Conn.(*arriving).text), in.Buffered()+theirs.Len(); a != b {
			t.Errorf("%d bytes are left, not %d", a, b)
		}
		if again != (!res.Close && l.br.Buffered() == 0) && res.StatusCode != http.StatusNoContent { // see TestNoContent
			t.Errorf("goes on: %v", again)
		}
	})
}

package upstream

import (
	"bufio"
	"bytes"
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"
)

func TestCheckURL(t *testing.T) {
	for text, want := range map[string]string{
		"https://auth.example.com":          "",
		"https://auth.example.com:8443/v1/": "",
		"HTTP://[::1]:80/a%20b":             "",
		"":                                  "not the URL",
		"auth.example.com":                  "not the URL",
		"https:auth.example.com":            "not the URL",
		"https://":                          "not the URL",
		"https://:443":                      "not the URL",
		"ftp://a":                           "not the URL",
		"https://a:0":                       "port",
		"https://a:65536":                   "port",
		"https://a:b":                       "not a URL",
		"https://u:sesame@a":                "authorization",
		"https://u@a":                       "authorization",
		"https://a/#":                       "fragment",
		"https://a/#f":                      "fragment",
		"https://a/?":                       "query",
		"https://a/?b":                      "query",
		"https://a/..":                      "segment",
		"https://a/b/%2E%2e/c":              "segment",
		"https://a//b":                      "//",
		"https://a b/":                      "not a URL",
		"https://u:sesame@a b/":             "not a URL",
	} {
		err := CheckURL(text)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "sesame") {
			t.Errorf("%q: the password is in %v", text, err)
		}
	}
}

var paths = map[string]bool{
	"": true, "/": true, "/auth": true, "?": true, "?a=b&c=/?": true, "/a/?x": true, "/a%2Fb/c": true, "/a:b@c/;x=1,2": true,
	"/...": true, "/a..b": true, "/.well-known/jwks.json": true, "/%25%32%65": true, "/..a": true, "/%00": true, "/a/": true,
	"auth": false, "//evil.example/": false, "///": false, "/a//b": false, "http://evil.example/": false, "@evil.example": false, ":81/": false, ".evil.example": false,
	"/..": false, "/../x": false, "/a/..": false, "/a/../b": false, "/.": false, "/./x": false, "/..?x": false,
	"/%2e%2e/x": false, "/%2E./x": false, "/..%2fx": false, "/x%2f..": false, "/x%5c..%5cy": false, "/..;/x": false, "/..;a=b": false, "/.%2e%20": false, "/..%00": false, "/..%09/x": false,
	"/a b": false, "/a\r\nX: y": false, "/a\x00": false, "/é": false, "/\xff": false, "/a\\..\\b": false, "/a#b": false, "?a#b": false, "/%": false, "/%2": false, "/%zz": false, "?%zz": false, "?a b": false, "?\n": false,
	"/a\"b": false, "/<x>": false, "/${username}": false, "?${username}": false, "/a|b": false, "/a`b": false, "/a^b": false,
}

func TestPath(t *testing.T) {
	for p, want := range paths {
		if err := check(&Request{Path: p}); (err == nil) != want {
			t.Errorf("%q: %v", p, err)
		}
	}
	if check(&Request{Path: "/" + strings.Repeat("a", maxPath)}) == nil {
		t.Error("a path of any length is accepted")
	}
}

func TestHeader(t *testing.T) {
	for name, want := range map[string]bool{
		"X-A": true, "content-type": true, "a": true, "!#$%&'*+-.^_`|~": true, "Cookie": true, "User-Agent": true,
		"Connection": true, "keep-alive": true, "CONTENT-LENGTH": true, // dropped
		"": false, "a b": false, "a:": false, ":authority": false, "a\r\nb": false, "a\x00": false, "é": false, "a(": false,
		"host": false, "HOST": false, "authorization": false, "Proxy-Authorization": false, "transfer-encoding": false, "te": false,
		"trailer": false, "upgrade": false, "expect": false, "http2-settings": false, "proxy-connection": false,
	} {
		if _, err := fields([]Header{{name, "v"}}); (err == nil) != want {
			t.Errorf("%q: %v", name, err)
		}
	}
	for value, want := range map[string]bool{
		"": true, "a b": true, "a\tb": true, "é": true, "\xff": true,
		"a\r\nb: c": false, "a\n": false, "a\r": false, "\x00": false, "\x7f": false, "\x1b[0m": false,
	} {
		_, err := fields([]Header{{"a", value}})
		if (err == nil) != want {
			t.Errorf("%q: %v", value, err)
		}
	}
	if _, err := fields(make([]Header, maxHeaders+1)); err == nil {
		t.Error("any number is accepted")
	}
	if _, err := fields([]Header{{"a", strings.Repeat("b", maxHeaderBytes)}}); err == nil {
		t.Error("any size is accepted")
	}
	got, err := fields([]Header{{"b", "1"}, {"connection", "close"}, {"B", "2"}, {"c", "3"}})
	if err != nil || len(got) != 2 || strings.Join(got["B"], ",") != "1,2" || strings.Join(got["C"], ",") != "3" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestMethod(t *testing.T) {
	for method, want := range map[string]bool{"": true, "GET": true, "POST": true, "HEAD": true, "get": false, "CONNECT": false, "TRACE": false, "G ET": false, "GET\r\n": false} {
		if err := check(&Request{Method: method}); (err == nil) != want {
			t.Errorf("%q: %v", method, err)
		}
	}
	if check(&Request{Body: make([]byte, MaxBody+1)}) == nil {
		t.Error("a body of any size is accepted")
	}
}

// TestBadRequest is refused without a connection, with the reason and without
// the value.
func TestBadRequest(t *testing.T) {
	_, u := open(t, Options{URL: closed(t)})
	got := ask(t, u, Request{Header: []Header{{"X-Pass", "sesame\r\nX: y"}}})
	if kind(t, got.err) != BadRequest || strings.Contains(got.err.Error(), "sesame") || !strings.Contains(got.err.Error(), "X-Pass") {
		t.Error(got.err)
	}
}

// FuzzRequest: whatever a guest asks for, what goes on the wire is one request,
// to our host, below our path, with our authorization and no other.
func FuzzRequest(f *testing.F) {
	for p := range paths {
		f.Add("GET", p, "X-A", "v", []byte(nil))
	}
	f.Add("POST", "/a", "host", "evil.example", []byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add("PUT", "/a", "x\r\ny", "v\r\nAuthorization: x", []byte("x"))
	s, err := newSettings(Options{URL: "http://auth.example.com:81/base/v1", Authorization: "Bearer ours"}, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, method, target, name, value string, body []byte) {
		r := Request{Method: method, Path: target, Header: []Header{{name, value}, {"X-Last", "z"}}, Body: body}
		if check(&r) != nil {
			return
		}
		request, err := s.request(t.Context(), &r)
		if err != nil {
			t.Fatalf("accepted, and then: %v", err)
		}
		var wire bytes.Buffer
		if err := request.Write(&wire); err != nil {
			t.Fatal(err)
		}
		in := bufio.NewReader(&wire)
		seen, err := http.ReadRequest(in)
		if err != nil {
			t.Fatal(err)
		}
		got := new(bytes.Buffer)
		_, _ = got.ReadFrom(seen.Body)
		_, more := in.ReadByte()
		base := "/base/v1"
		clean := path.Clean(strings.ReplaceAll(seen.URL.Path, "\\", "/"))
		switch {
		case more == nil:
			t.Fatal("there is more than one request")
		case seen.Host != "auth.example.com:81", seen.URL.Host != "":
			t.Fatalf("the host is %q, %q", seen.Host, seen.URL.Host)
		case clean != base && !strings.HasPrefix(clean, base+"/"):
			t.Fatalf("%q leads to %q", target, clean)
		case !strings.HasPrefix(seen.RequestURI, base):
			t.Fatalf("%q is sent as %q", target, seen.RequestURI)
		case len(seen.Header["Authorization"]) != 1 || seen.Header.Get("Authorization") != "Bearer ours":
			t.Fatalf("authorization is %q", seen.Header["Authorization"])
		case !bytes.Equal(got.Bytes(), body):
			t.Fatalf("the body is %q", got)
		case seen.Header.Get("X-Last") != "z":
			t.Fatalf("the header is %q", seen.Header)
		}
		if _, query, _ := strings.Cut(target, "?"); seen.URL.RawQuery != query {
			t.Fatalf("the query is %q", seen.URL.RawQuery)
		}
		if p, _, _ := strings.Cut(target, "?"); p != "" {
			plain, err := url.PathUnescape(p)
			if err != nil || seen.URL.Path != base+plain {
				t.Fatalf("the path is %q", seen.URL.Path)
			}
		}
	})
}

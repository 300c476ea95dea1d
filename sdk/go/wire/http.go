package wire

// HTTPRequest is given by the guest to http_send.
type HTTPRequest struct {
	Upstream string     `json:"upstream,omitempty"` // the operator's name of the server
	Method   string     `json:"method,omitempty"`   // empty means GET
	Path     string     `json:"path,omitempty"`     // put after the path of the upstream's URL, with its query; percent-encoded
	Headers  []Property `json:"headers,omitempty"`
	Body     []byte     `json:"body,omitempty"`
	Timeout  uint32     `json:"timeout_ms,omitempty"` // milliseconds; 0 is as long as the request has time
}

// Decode reads the message; see the package comment for who owns b.
func (m *HTTPRequest) Decode(b []byte) error {
	*m = HTTPRequest{}
	r := reader{b: b}
	for r.next() {
		switch r.num {
		case 1:
			m.Upstream = r.string()
		case 2:
			m.Method = r.string()
		case 3:
			m.Path = r.string()
		case 4:
			m.Headers = r.property(m.Headers)
		case 5:
			m.Body = r.bytes()
		case 6:
			m.Timeout = r.u32()
		}
	}
	return r.err()
}

// Append writes the message to dst.
func (m *HTTPRequest) Append(dst []byte) []byte {
	dst = appendBytes(dst, 1, m.Upstream)
	dst = appendBytes(dst, 2, m.Method)
	dst = appendBytes(dst, 3, m.Path)
	dst = appendProperties(dst, 4, m.Headers)
	dst = appendBytes(dst, 5, m.Body)
	return appendUint(dst, 6, uint64(m.Timeout))
}

// HTTPResponse is what an upstream answered, whatever its status.
type HTTPResponse struct {
	Status  uint32     `json:"status,omitempty"`
	Headers []Property `json:"headers,omitempty"` // by name
	Body    []byte     `json:"body,omitempty"`
}

// Decode reads the message; see the package comment for who owns b.
func (m *HTTPResponse) Decode(b []byte) error {
	*m = HTTPResponse{}
	return m.Redecode(b)
}

// Redecode is Decode into the list that the message has.
func (m *HTTPResponse) Redecode(b []byte) error {
	*m = HTTPResponse{Headers: m.Headers[:0]}
	r := reader{b: b}
	for r.next() {
		switch r.num {
		case 1:
			m.Status = r.u32()
		case 2:
			if m.Headers == nil {
				m.Headers = make([]Property, 0, 4)
			}
			m.Headers = r.property(m.Headers)
		case 3:
			m.Body = r.bytes()
		}
	}
	return r.err()
}

// Append writes the message to dst.
func (m *HTTPResponse) Append(dst []byte) []byte {
	dst = appendUint(dst, 1, uint64(m.Status))
	dst = appendProperties(dst, 2, m.Headers)
	return appendBytes(dst, 3, m.Body)
}

// Header returns the value of the first header of that name, in any case of
// letters, or nothing.
func (m *HTTPResponse) Header(name string) string {
	for i := range m.Headers {
		if equalFold(m.Headers[i].Key, name) {
			return m.Headers[i].Value
		}
	}
	return ""
}

// equalFold compares ASCII without regard to case.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

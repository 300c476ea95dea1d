package upstream

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Answers of HTTP/1.1 are read here and not by net/http: for each of them it
// makes a map of lists, of which nothing is left in the end. Where RFC 9112
// leaves a choice between refusing an answer and guessing what it means, it is
// refused: two parties that guess differently where an answer ends give an
// answer to the wrong request. Of what is no matter of framing, a line that
// ends in LF alone and a status line without a reason are understood.

var (
	errBothLengths = errors.New("malformed HTTP: an answer with Content-Length and Transfer-Encoding")       // RFC 9112 section 6.3
	errLengths     = errors.New("malformed HTTP: an answer with more than one Content-Length, or a bad one") // RFC 9112 section 6.3
	errEncoding    = errors.New("malformed HTTP: an answer in another transfer coding than chunked")         // RFC 9112 section 6.1
	errField       = errors.New("malformed HTTP: a bad header field")                                        // RFC 9112 section 5
	errFold        = errors.New("malformed HTTP: a header field that goes on in the next line")              // RFC 9112 section 5.2
	errChunk       = errors.New("malformed HTTP: a bad chunk")                                               // RFC 9112 section 7.1
)

// maxExcess is how much more than data there may be in chunks: as in net/http,
// beyond 16 bytes and twice its size for each.
const maxExcess = 16 << 10

// answerHead is the status line and the header section of an answer.
type answerHead struct {
	status  int
	fields  []Header // less those of the connection (RFC 9110 section 7.6.1)
	length  int64    // of the body; -1: it ends with the connection
	chunked bool
	close   bool // the connection is not to be used again
}

// answer reads the answer to a request, of which the first byte is there unless
// there is an error. again says that the line may be used again.
func (l *line) answer(r *Request, err error) (out Response, again bool, _ error) {
	if err != nil {
		return out, false, err
	}
	defer func() {
		if bug := recover(); bug != nil {
			out, again, err = Response{}, false, fmt.Errorf("bug: %v", bug)
		}
	}()
	for range 1 + maxInterim {
		h, err := l.readHead()
		switch {
		case err != nil:
			return out, false, err
		case h.status == http.StatusSwitchingProtocols:
			return out, false, errSwitches
		case h.status < 200:
			continue
		case h.status == http.StatusNoContent && (h.length > 0 || h.chunked): // RFC 9110 section 8.6: it may have sent one all the same
			h.length, h.chunked, h.close = 0, false, true
		case r.Method == http.MethodHead, h.status == http.StatusNoContent, h.status == http.StatusNotModified:
			h.length, h.chunked = 0, false
		case h.length < 0 && !h.chunked:
			h.close = true
		}
		body, err := l.readBody(&h)
		if err != nil {
			return out, false, err
		}
		l.c.served.Store(true)
		return Response{Status: h.status, Header: h.fields, Body: body}, !h.close && l.spent(), nil
	}
	return out, false, errInterim
}

// cut is the error of an answer that ends too early.
func cut(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readSection reads lines into l.head until one is empty. The first may be a
// status line; the others are checked to be fields, and get their names in
// canonical form.
func (l *line) readSection(status bool) (lines int, err error) {
	l.head = l.head[:0]
	for begin := 0; ; {
		part, err := l.br.ReadSlice('\n')
		l.head = append(l.head, part...)
		switch {
		case err == bufio.ErrBufferFull:
			continue
		case err != nil:
			return 0, cut(err)
		}
		text := trimEnd(l.head[begin:])
		switch {
		case status && lines == 0:
		case !status && len(text)+2 != len(l.head)-begin: // as within chunks, it ends in CRLF
			return 0, errChunk
		case len(text) == 0:
			return lines, nil
		case text[0] == ' ' || text[0] == '\t':
			return 0, errFold
		case !canonical(text):
			return 0, errField
		}
		lines++
		begin = len(l.head)
	}
}

// trimEnd cuts off the end of a line.
func trimEnd[T string | []byte](line T) T {
	n := len(line)
	if n > 0 && line[n-1] == '\n' {
		n--
	}
	if n > 0 && line[n-1] == '\r' {
		n--
	}
	return line[:n]
}

// canonical reports whether a line is a field, and gives its name the form that
// http.CanonicalHeaderKey does.
func canonical(text []byte) bool {
	colon := bytes.IndexByte(text, ':')
	if colon < 1 {
		return false
	}
	upper := true
	for i, c := range text[:colon] {
		switch {
		case 'a' <= c && c <= 'z':
			if upper {
				text[i] = c - ('a' - 'A')
			}
		case 'A' <= c && c <= 'Z':
			if !upper {
				text[i] = c + ('a' - 'A')
			}
		case !tokenByte(c):
			return false
		}
		upper = c == '-'
	}
	for _, c := range text[colon+1:] {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// readHead reads the head of an answer. The header is in one piece of memory.
func (l *line) readHead() (h answerHead, err error) {
	lines, err := l.readSection(true)
	if err != nil {
		return h, err
	}
	rest := string(l.head)
	if cap(l.head) > 4<<10 {
		l.head = nil
	}
	first, rest, _ := strings.Cut(rest, "\n")
	old, err := h.statusLine(trimEnd(first))
	if err != nil {
		return h, err
	}
	h.length, h.fields = -1, make([]Header, 0, lines-1)
	var lengths, encodings int
	var keep bool
	for range lines - 1 {
		var text string
		text, rest, _ = strings.Cut(rest, "\n")
		name, value, _ := strings.Cut(trimEnd(text), ":")
		value = strings.Trim(value, " \t")
		switch name {
		case "Content-Length":
			lengths++
			if h.length, err = length(value); err != nil {
				return h, err
			}
		case "Transfer-Encoding":
			encodings++
			h.chunked = strings.EqualFold(value, "chunked")
			continue
		case "Connection":
			h.close = h.close || lists(value, "close")
			keep = keep || lists(value, "keep-alive")
			continue
		case "Trailer":
			continue
		}
		h.fields = append(h.fields, Header{name, value})
	}
	slices.SortStableFunc(h.fields, func(a, b Header) int { return strings.Compare(a.Name, b.Name) })
	h.close = h.close || old && !keep
	switch {
	case lengths > 1:
		return h, errLengths
	case lengths > 0 && encodings > 0:
		return h, errBothLengths
	case encodings > 1 || encodings == 1 && (!h.chunked || old):
		return h, errEncoding
	}
	return h, nil
}

// statusLine reads the first line of an answer (RFC 9112 section 4); old says
// that the server speaks HTTP/1.0.
func (h *answerHead) statusLine(s string) (old bool, err error) {
	const form = "HTTP/1.1 200"
	if len(s) < len(form) || s[:7] != form[:7] || !digit(s[7]) || s[8] != ' ' || len(s) > len(form) && s[len(form)] != ' ' {
		return false, fmt.Errorf("malformed HTTP status line %.40q", s)
	}
	for _, c := range []byte(s[9:12]) {
		if !digit(c) {
			return false, fmt.Errorf("malformed HTTP status line %.40q", s)
		}
		h.status = 10*h.status + int(c-'0')
	}
	if h.status < 100 {
		return false, fmt.Errorf("malformed HTTP status line %.40q", s)
	}
	return s[7] == '0', nil
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// length reads the value of Content-Length (RFC 9110 section 8.6).
func length(value string) (int64, error) {
	for _, c := range []byte(value) {
		if !digit(c) {
			return 0, errLengths
		}
	}
	n, err := strconv.ParseUint(value, 10, 63)
	if err != nil {
		return 0, errLengths
	}
	return int64(n), nil
}

// lists reports whether a list of tokens has one (RFC 9110 section 5.6.1).
func lists(list, token string) bool {
	for one := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.Trim(one, " \t"), token) {
			return true
		}
	}
	return false
}

// readBody reads the body of an answer, no further than max_response.
func (l *line) readBody(h *answerHead) ([]byte, error) {
	l.in.left = math.MaxInt64
	most := l.c.s.MaxResponse
	switch {
	case h.chunked:
		return l.readChunks(most)
	case h.length > most:
		return nil, l.c.tooLarge()
	case h.length == 0:
		return nil, nil
	case h.length > 0:
		return l.readFull(nil, h.length)
	}
	var b bytes.Buffer
	n, err := b.ReadFrom(io.LimitReader(l.br, most+1))
	if n > most {
		return nil, l.c.tooLarge()
	}
	return b.Bytes(), err
}

// readFull appends n bytes to b. No more memory is taken than there is data,
// but for some kilobytes.
func (l *line) readFull(b []byte, n int64) ([]byte, error) {
	for n > 0 {
		part := int(min(n, 4<<10))
		b = slices.Grow(b, part)
		got, err := io.ReadFull(l.br, b[len(b):len(b)+part])
		b = b[:len(b)+got]
		if err != nil {
			return nil, cut(err)
		}
		n -= int64(got)
	}
	return b, nil
}

// readChunks reads a body in chunks (RFC 9112 section 7.1). What stands in the
// trailer is not for anybody.
func (l *line) readChunks(most int64) (b []byte, err error) {
	for excess := int64(0); ; {
		text, err := l.br.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			return nil, errChunk
		}
		if err != nil {
			return nil, cut(err)
		}
		size, ok := chunkSize(text)
		if !ok {
			return nil, errChunk
		}
		if excess = max(0, excess+int64(len(text))-16-2*size); excess > maxExcess {
			return nil, errChunk
		}
		if size == 0 {
			break
		}
		if size > most-int64(len(b)) {
			return nil, l.c.tooLarge()
		}
		if b, err = l.readFull(b, size); err != nil {
			return nil, err
		}
		end, err := l.br.Peek(2)
		if err != nil {
			return nil, cut(err)
		}
		if string(end) != "\r\n" {
			return nil, errChunk
		}
		_, _ = l.br.Discard(2) // they are there
	}
	l.in.left = maxAnswerField
	_, err = l.readSection(false)
	return b, err
}

// chunkSize reads the line before the data of a chunk. Of extensions nothing
// is understood.
func chunkSize(text []byte) (size int64, ok bool) {
	n := len(text) - 2
	if n < 1 || text[n] != '\r' {
		return 0, false
	}
	digits := 0
	for ; digits < n && hex(text[digits]); digits++ {
		if digits == 15 { // it does not fit
			return 0, false
		}
		size = size<<4 | int64(hexValue(text[digits]))
	}
	extension := bytes.TrimLeft(text[digits:n], " \t")
	if digits == 0 || digits < n && (len(extension) == 0 || extension[0] != ';') || !fieldValue(string(extension)) {
		return 0, false
	}
	return size, true
}

func hexValue(c byte) byte {
	if digit(c) {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

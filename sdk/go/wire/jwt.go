package wire

// JWTKeys is given by the guest to jwt_keys.
type JWTKeys struct {
	Algorithms []string `json:"algorithms,omitempty"` // to accept, such as "RS256"; at least one
	JWKS       []byte   `json:"jwks,omitempty"`       // a JSON Web Key Set (RFC 7517 section 5)
	PEM        []byte   `json:"pem,omitempty"`        // public keys or certificates
	Secret     []byte   `json:"secret,omitempty"`     // for HMAC
}

// Decode reads the message; see the package comment for who owns b.
func (m *JWTKeys) Decode(b []byte) error {
	*m = JWTKeys{}
	r := reader{b: b}
	for r.next() {
		switch r.num {
		case 1:
			m.Algorithms = append(m.Algorithms, r.string())
		case 2:
			m.JWKS = r.bytes()
		case 3:
			m.PEM = r.bytes()
		case 4:
			m.Secret = r.bytes()
		}
	}
	return r.err()
}

// Append writes the message to dst.
func (m *JWTKeys) Append(dst []byte) []byte {
	for _, name := range m.Algorithms {
		dst = appendElement(dst, 1, name)
	}
	dst = appendBytes(dst, 2, m.JWKS)
	dst = appendBytes(dst, 3, m.PEM)
	return appendBytes(dst, 4, m.Secret)
}

// JWTVerified is what the host says of a token.
type JWTVerified struct {
	Header     []byte `json:"header,omitempty"`      // a JSON object
	Claims     []byte `json:"claims,omitempty"`      // a JSON object
	UnknownKey bool   `json:"unknown_key,omitempty"` // with Mismatch: a newer set of keys may have it
}

// Decode reads the message; see the package comment for who owns b.
func (m *JWTVerified) Decode(b []byte) error {
	*m = JWTVerified{}
	r := reader{b: b}
	for r.next() {
		switch r.num {
		case 1:
			m.Header = r.bytes()
		case 2:
			m.Claims = r.bytes()
		case 3:
			m.UnknownKey = r.bool()
		}
	}
	return r.err()
}

// Append writes the message to dst.
func (m *JWTVerified) Append(dst []byte) []byte {
	dst = appendBytes(dst, 1, m.Header)
	dst = appendBytes(dst, 2, m.Claims)
	return appendBool(dst, 3, m.UnknownKey)
}

package wire

// AuthContinue is given to wicket_auth_continue: what the client has answered in
// an exchange of enhanced authentication, or that it is over.
type AuthContinue struct {
	Exchange   uint64 `json:"exchange,omitempty"` // req of the Authenticate that began it
	AuthMethod string `json:"auth_method,omitempty"`
	AuthData   []byte `json:"auth_data,omitempty"`
	Ended      bool   `json:"ended,omitempty"` // there is no answer to be given
}

// Decode reads the message; see the package comment for who owns b.
func (m *AuthContinue) Decode(b []byte) error {
	*m = AuthContinue{}
	r := reader{b: b}
	for r.next() {
		switch r.num {
		case 1:
			m.Exchange = r.u64()
		case 2:
			m.AuthMethod = r.string()
		case 3:
			m.AuthData = r.bytes()
		case 4:
			m.Ended = r.bool()
		}
	}
	return r.err()
}

// Append writes the message to dst.
func (m *AuthContinue) Append(dst []byte) []byte {
	dst = appendUint(dst, 1, m.Exchange)
	dst = appendBytes(dst, 2, m.AuthMethod)
	dst = appendBytes(dst, 3, m.AuthData)
	return appendBool(dst, 4, m.Ended)
}

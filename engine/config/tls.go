package config

import "time"

// TLS is the server side of TLS for one listener.
type TLS struct {
	Certfile         string         `key:"certfile" path:"file" doc:"PEM file with the server's chain: the leaf first, then its issuer, and so on upward; exactly this is sent. Empty, on a loopback bind only, means a certificate from the development CA in data_dir."`
	Keyfile          string         `key:"keyfile" path:"file" doc:"PEM file with the private key of the leaf: PKCS#1, PKCS#8, SEC 1 or Ed25519."`
	ACMEDomains      []string       `key:"acme_domains" doc:"Names for which a certificate is obtained from the authority of acme, and renewed, instead of certfile and keyfile. The authority connects to port 443 of each name, which has to lead to this listener."`
	Cacertfile       string         `key:"cacertfile" path:"file" doc:"PEM bundle of the authorities that client certificates must lead to; needed by verify_peer."`
	Password         Secret         `key:"password" doc:"Password of an encrypted private key: the text itself, or file:///path to read it from."`
	Verify           Verify         `key:"verify" default:"verify_none" doc:"verify_peer asks clients for a certificate and checks it; verify_none asks for none."`
	FailIfNoPeerCert bool           `key:"fail_if_no_peer_cert" default:"false" doc:"Whether a client without a certificate is refused during the handshake; needs verify_peer."`
	Versions         []TLSVersion   `key:"versions" default:"tlsv1.3,tlsv1.2" doc:"Protocol versions offered. A gap is refused: tlsv1.3 together with an older version needs tlsv1.2."`
	SessionTickets   SessionTickets `key:"session_tickets" default:"disabled" doc:"stateless lets clients resume a session with a ticket that this process has sealed, which costs a fraction of a handshake; certificates are checked again, and the keys change daily and at a restart. disabled sends no tickets."`
	HandshakeTimeout time.Duration  `key:"handshake_timeout" default:"15s" min:"100ms" max:"10m" reload:"restart" doc:"Time from accept, or from the end of the PROXY header, to the end of the handshake."`

	Depth        int               `key:"depth" default:"10" min:"0" max:"100" doc:"Most intermediate authorities between a client's certificate and its trust anchor; 0 means that the anchor itself must have signed it."`
	PartialChain PartialChain      `key:"partial_chain" default:"false" doc:"Which certificates of cacertfile end a client's path: false, the self-signed ones; cacert_from_cacertfile (or true), the last of the file; two_cacerts_from_cacertfile, either of the last two, for the time that an intermediate authority is replaced."`
	ExtKeyUsage  []string          `key:"verify_peer_ext_key_usage" doc:"Usages that a client's certificate must list: clientAuth, serverAuth, codeSigning, emailProtection, timeStamping, ocspSigning, or OID:1.2.3. Empty accepts one without usages, and one that has clientAuth."`
	Ciphers      []string          `key:"ciphers" doc:"Cipher suites by their OpenSSL or IANA names, in any order; empty means those that Go thinks safe. A name that cannot be used is a mistake. TLS 1.3 has its own, which are always on when that version is."`
	Curves       []string          `key:"curves" default:"X25519MLKEM768,X25519,P-256,P-384" doc:"Groups of the key exchange that are offered: X25519MLKEM768, SecP256r1MLKEM768, SecP384r1MLKEM1024, X25519, P-256, P-384, P-521. Go chooses among those that the client has too, the hybrid ones first."`
	ALPN         []string          `key:"alpn" default:"mqtt" doc:"Application protocols (RFC 7301) that are accepted. A client that asks only for others is refused; one that asks for none is not. Empty ignores what clients ask for."`
	Bundles      map[string]Bundle `key:"bundles" example:"tenant" doc:"Further certificates by any name of yours, chosen by the server name that the client asks for; certfile is for all others."`

	CRLCheck       bool       `key:"enable_crl_check" default:"false" doc:"Whether client certificates are looked up in revocation lists: those of crl_file, and those that the certificate names (its CRL distribution points). Needs verify_peer."`
	CRLFile        string     `key:"crl_file" path:"any" doc:"A file with revocation lists in PEM or DER, or a directory of such files, used beside or instead of distribution points."`
	CRLCheckChain  bool       `key:"crl_check_chain" default:"false" doc:"Whether the intermediate authorities of the path are looked up as well."`
	OCSPCheck      bool       `key:"enable_ocsp_check" default:"false" doc:"Whether the responder that a client certificate names is asked about it. Needs verify_peer."`
	CRLStale       Permission `key:"crl_stale" default:"deny" doc:"What becomes of a client when its revocation list is past nextUpdate and no newer one can be had."`
	CRLUnavailable Permission `key:"crl_unavailable" default:"deny" doc:"What becomes of a client when its revocation cannot be learned: no list, no responder, no answer in time. Admissions by allow are counted."`
	OnRevoked      OnLapse    `key:"on_revoked" default:"keep" reload:"restart" doc:"What becomes of a connected client when a fresh list revokes its certificate, or when its authority is taken out of cacertfile: keep or disconnect (0x87)."`
	OnCertExpiry   OnLapse    `key:"on_cert_expiry" default:"keep" reload:"restart" doc:"What becomes of a connected client when its certificate expires: keep or disconnect (0x87)."`
	OCSP           OCSP       `key:"ocsp" doc:"Proof that the server's own certificate is not revoked, sent along with it to clients that ask (OCSP stapling)."`

	HonorCipherOrder    bool   `key:"honor_cipher_order" default:"true" doc:"For files that come from EMQX. Go orders the suites by itself, so false is answered with a warning."`
	SecureRenegotiate   bool   `key:"secure_renegotiate" default:"true" doc:"For files that come from EMQX. There is no renegotiation here, the safer side, so nothing depends on it."`
	ClientRenegotiation bool   `key:"client_renegotiation" default:"false" doc:"For files that come from EMQX. There is no renegotiation here, so true is answered with a warning."`
	DHFile              string `key:"dhfile" doc:"For files that come from EMQX. There are no DHE suites here, so it is answered with a warning; ECDHE gives forward secrecy."`
}

// PartialChain says which certificates of cacertfile are trust anchors
// (TLS-18).
type PartialChain string

// The values of [PartialChain].
const (
	PartialChainFalse PartialChain = "false"
	PartialChainTrue  PartialChain = "true"
	PartialChainLast  PartialChain = "cacert_from_cacertfile"
	PartialChainTwo   PartialChain = "two_cacerts_from_cacertfile"
)

func (PartialChain) values() []string {
	return []string{string(PartialChainFalse), string(PartialChainTrue), string(PartialChainLast), string(PartialChainTwo)}
}

// Bundle is one more certificate of a listener.
type Bundle struct {
	SNI      string `key:"sni" required:"true" doc:"Server name that the client asks for: broker.example.com, or *.example.com for every name one level below."`
	Certfile string `key:"certfile" required:"true" path:"file" doc:"PEM file with the chain, leaf first."`
	Keyfile  string `key:"keyfile" required:"true" path:"file" doc:"PEM file with the leaf's private key."`
	Password Secret `key:"password" doc:"Password of an encrypted private key: the text itself, or file:///path to read it from."`
}

// OCSP is stapling for a listener's own certificate (OCSP-01 to OCSP-09).
type OCSP struct {
	Stapling        bool          `key:"enable_ocsp_stapling" default:"false" doc:"Whether answers are fetched and stapled."`
	ResponderURL    string        `key:"responder_url" doc:"Responder to ask; empty means the one that the certificate names (authority information access)."`
	IssuerPEM       string        `key:"issuer_pem" path:"file" doc:"PEM file with the issuer of the certificate; empty means the second certificate of certfile."`
	RefreshInterval time.Duration `key:"refresh_interval" default:"5m" min:"1m" max:"7d" doc:"Time between two questions; sooner when the answer will be out of date before."`
	HTTPTimeout     time.Duration `key:"refresh_http_timeout" default:"15s" min:"100ms" max:"5m" doc:"Time for one question."`
}

// CRLCache holds the revocation lists of all listeners (CRL-04).
type CRLCache struct {
	Capacity        int           `key:"capacity" default:"100" min:"1" max:"100000" doc:"Most lists kept; the one fetched first goes first."`
	RefreshInterval time.Duration `key:"refresh_interval" default:"15m" min:"1m" max:"7d" doc:"Time between two fetches of a list; sooner when it will be out of date before."`
	HTTPTimeout     time.Duration `key:"http_timeout" default:"15s" min:"100ms" max:"5m" doc:"Time for one fetch."`
	MaxSize         ByteSize      `key:"max_size" default:"64MB" min:"1KB" max:"2GB" doc:"Largest list that is read; a larger one is refused."`
	AllowedHosts    []string      `key:"allowed_hosts" doc:"Hosts that lists and OCSP answers may be fetched from; empty means every host that a certificate names, once its chain is verified."`
}

// Memory tells Go's garbage collector how to trade memory for processor time.
type Memory struct {
	Limit     ByteSize `key:"limit" default:"infinity" min:"64MB" infinity:"0" doc:"Size of the process that the collector works harder to stay below; it is no hard bound. GOMEMLIMIT in the environment goes first."`
	GCPercent int      `key:"gc_percent" default:"100" min:"10" max:"10000" doc:"Garbage, in percent of what lives, at which a collection begins: 50 takes less memory and more processor time. GOGC in the environment goes first."`
}

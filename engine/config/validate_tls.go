package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/wicketmq/wicket/engine/cert"
	"github.com/wicketmq/wicket/engine/ocsp"
)

// revocation: nobody can be looked up who is not asked for a certificate
// (TLS-05).
func (v *validator) revocation(path []string, t *TLS) {
	if v.broken(below(path, "verify")...) {
		return
	}
	if t.Verify != VerifyPeer {
		for _, o := range []struct {
			key string
			on  bool
		}{{"enable_crl_check", t.CRLCheck}, {"enable_ocsp_check", t.OCSPCheck}} {
			if o.on {
				v.fail(below(path, o.key), "it needs verify: verify_peer, because with verify_none no client is asked for a certificate")
			}
		}
		if len(t.ExtKeyUsage) > 0 {
			v.warn(below(path, "verify_peer_ext_key_usage"), "it is not used, because verify is verify_none")
		}
	}
	if t.CRLFile != "" && !t.CRLCheck {
		v.warn(below(path, "crl_file"), "it is not used, because enable_crl_check is not set")
	}
	if t.CRLCheckChain && !t.CRLCheck {
		v.warn(below(path, "crl_check_chain"), "it has no effect, because enable_crl_check is not set")
	}
}

// stapling: OCSP-01 and OCSP-02.
func (v *validator) stapling(path []string, t *TLS) {
	ocspPath := below(path, "ocsp")
	on, url := below(ocspPath, "enable_ocsp_stapling"), below(ocspPath, "responder_url")
	if v.broken(on...) || v.broken(url...) {
		return
	}
	switch o := t.OCSP; {
	case !o.Stapling && o.ResponderURL != "":
		v.warn(url, "it is not used, because enable_ocsp_stapling is not set")
	case !o.Stapling && o.IssuerPEM != "":
		v.warn(below(ocspPath, "issuer_pem"), "it is not used, because enable_ocsp_stapling is not set")
	case o.Stapling && t.Certfile == "" && len(t.ACMEDomains) == 0:
		v.fail(on, "it needs certfile: no responder knows the development certificate")
	}
	if t.OCSP.ResponderURL != "" {
		if err := ocsp.CheckURL(t.OCSP.ResponderURL); err != nil {
			v.fail(url, "%s", err)
		}
	}
}

// negotiation: names that are not known are mistakes, and keys that Go leaves
// no choice about are answered (TLS-11, TLS-19, TLS-21 to TLS-23).
func (v *validator) negotiation(path []string, t *TLS) {
	for _, o := range []struct {
		key  string
		list []string
		want func([]string) error
	}{
		{"ciphers", t.Ciphers, cert.CheckCiphers},
		{"curves", t.Curves, cert.CheckCurves},
		{"alpn", t.ALPN, cert.CheckALPN},
		{"verify_peer_ext_key_usage", t.ExtKeyUsage, cert.CheckExtKeyUsage},
	} {
		if err := o.want(o.list); err != nil && !v.broken(below(path, o.key)...) {
			v.fail(below(path, o.key), "%s", err)
		}
	}
	if len(t.ExtKeyUsage) > 0 && !v.broken(below(path, "verify_peer_ext_key_usage")...) && !slices.ContainsFunc(t.ExtKeyUsage, func(u string) bool { return strings.Contains(u, "clientAuth") }) {
		v.warn(below(path, "verify_peer_ext_key_usage"), "a client certificate that lists usages needs clientAuth among them in any case; list it too")
	}
	if !t.HonorCipherOrder {
		v.warn(below(path, "honor_cipher_order"), "Go chooses among the suites by an order of its own, whatever this says")
	}
	if !t.SecureRenegotiate {
		v.warn(below(path, "secure_renegotiate"), "there is no renegotiation at all, which is safer still")
	}
	if t.ClientRenegotiation {
		v.warn(below(path, "client_renegotiation"), "clients cannot renegotiate here, which is the safer side; remove the key")
	}
	if t.DHFile != "" {
		v.warn(below(path, "dhfile"), "it is not used: there are no DHE suites here, and ECDHE has forward secrecy without such a file")
	}
}

// bundles: each server name once (TLS-26).
func (v *validator) bundles(path []string, all map[string]Bundle) {
	seen := make(map[string]string) // section by server name
	for _, section := range slices.Sorted(maps.Keys(all)) {
		name, key := all[section].SNI, below(below(path, section), "sni")
		if v.broken(key...) {
			continue
		}
		if err := cert.CheckServerName(name); err != nil {
			v.fail(key, "%s", err)
			continue
		}
		if other, twice := seen[strings.ToLower(name)]; twice {
			v.fail(key, "%q has a certificate already, in %s", name, JoinKey(below(path, other)...))
		}
		seen[strings.ToLower(name)] = section
	}
}

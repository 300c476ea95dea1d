package wicket

import (
	"slices"

	"github.com/wicketmq/wicket/sdk/go/wire"
)

// Code is a decision without its details. The zero Code denies.
type Code int32

// The codes a handler can give per topic.
const (
	CodeDeny  Code = wire.Deny
	CodeAllow Code = wire.Allow
	CodeNext  Code = wire.Next
)

// Reason is an MQTT 5.0 reason code; clients of older versions see the nearest
// return code they have.
type Reason byte

// The reason codes that a denial can sensibly give (MQTT 5.0 section 3.2.2.2).
const (
	UnspecifiedError      Reason = 0x80
	ImplementationError   Reason = 0x83
	ClientIDNotValid      Reason = 0x85
	BadUsernameOrPassword Reason = 0x86
	NotAuthorized         Reason = 0x87
	ServerUnavailable     Reason = 0x88
	ServerBusy            Reason = 0x89
	Banned                Reason = 0x8A
	BadAuthMethod         Reason = 0x8C
	QuotaExceeded         Reason = 0x97

	ConnectionRateExceeded Reason = 0x9F
)

// Verdict is the answer of a handler. Its methods return a changed copy and
// can be chained; the zero Verdict denies.
type Verdict struct {
	code Code
	d    *wire.Decision // nil when the code says it all; not changed once it is here
}

// with returns a copy whose details may be changed. A Verdict is small because
// it is on the stack of every handler that waits.
func (v Verdict) with() Verdict {
	d := new(wire.Decision)
	if v.d != nil {
		*d = *v.d
	}
	v.d = d
	return v
}

// Allow lets the client in, or permits the action. A client let in without
// rules may do nothing until Default says otherwise.
func Allow() Verdict { return Verdict{code: CodeAllow} }

// Deny refuses with Not authorized, or with the reason given to Reason.
func Deny() Verdict { return Verdict{code: CodeDeny} }

// Next has no opinion: the next plugin of the chain is asked. Given to a Connect
// it may still say who the client is, by Username, ClientID and Attribute, which
// then hold for the plugins asked after it, and for the session unless the one
// that allows sets them itself. Nothing else of such a verdict counts. Given to an
// Access it may have rules, with Default and TTL: all that the plugin has to say of
// the client, by which the broker answers this question and, for as long as TTL
// says, those that come after it. See NeedABI.
func Next() Verdict { return Verdict{code: CodeNext} }

// Fail denies with Server unavailable because the plugin could not decide, and
// logs why.
func Fail(err error) Verdict {
	Error(err.Error())
	return Deny().Reason(ServerUnavailable)
}

// Code returns the decision without its details.
func (v Verdict) Code() Code { return v.code }

// Detail returns what the broker is told beside the code; for tests.
func (v Verdict) Detail() wire.Decision {
	if v.d == nil {
		return wire.Decision{}
	}
	return *v.d
}

// Reason sets the reason code of a denial.
func (v Verdict) Reason(r Reason) Verdict {
	v = v.with()
	v.d.Reason = uint32(r)
	return v
}

// Text sets the reason string that an MQTT 5.0 client is shown.
func (v Verdict) Text(text string) Verdict {
	v = v.with()
	v.d.ReasonText = text
	return v
}

// Superuser lets the client do everything that no host rule denies.
func (v Verdict) Superuser() Verdict {
	v = v.with()
	v.d.Superuser = true
	return v
}

// Rule adds rules at the end. They are tried in order; the first that matches
// decides, and Default when none does. A slice that is given belongs to the
// verdict then.
func (v Verdict) Rule(rules ...Rule) Verdict {
	v = v.with()
	if v.d.Rules == nil && len(rules) > 0 {
		v.d.Rules = rules
	} else {
		v.d.Rules = append(slices.Clip(v.d.Rules), rules...)
	}
	return v
}

// Default sets what holds when no rule matches: CodeDeny unless said
// otherwise; CodeNext asks the plugins each time.
func (v Verdict) Default(c Code) Verdict {
	v = v.with()
	v.d.Default = uint32(c)
	return v
}

// TTL sets for how many milliseconds the answer to an Access may be cached; a
// negative number forbids it, zero leaves it to the broker.
func (v Verdict) TTL(milliseconds int64) Verdict {
	v = v.with()
	v.d.TTL = milliseconds
	return v
}

// ExpireAt sets when the client is disconnected, in Unix seconds, such as the
// exp claim of a token. A time before 1970 counts as passed long ago.
//
// Times are plain numbers here because package time makes every module an
// eighth larger.
func (v Verdict) ExpireAt(unix int64) Verdict {
	v = v.with()
	v.d.ExpireAt = uint64(max(unix, 1))
	return v
}

// Attribute adds an attribute of the client: rules may use it as
// ${client_attrs.KEY}, and an Access carries it.
func (v Verdict) Attribute(key, value string) Verdict {
	v = v.with()
	v.d.Attributes = append(slices.Clip(v.d.Attributes), Property{Key: key, Value: value})
	return v
}

// Username replaces the client's user name.
func (v Verdict) Username(name string) Verdict {
	v = v.with()
	v.d.Username = name
	return v
}

// ClientID assigns the client id.
func (v Verdict) ClientID(id string) Verdict {
	v = v.with()
	v.d.ClientID = id
	return v
}

// UserProperty adds a user property to the CONNACK.
func (v Verdict) UserProperty(key, value string) Verdict {
	v = v.with()
	v.d.UserProperties = append(slices.Clip(v.d.UserProperties), Property{Key: key, Value: value})
	return v
}

// Limits are caps of one session; zero keeps the broker's.
type Limits = wire.Limits

// Limits sets caps of the session.
func (v Verdict) Limits(l Limits) Verdict {
	v = v.with()
	v.d.Limits = &l
	return v
}

// Mountpoint sets the prefix that stands before every topic of the client.
func (v Verdict) Mountpoint(prefix string) Verdict {
	v = v.with()
	v.d.Mountpoint = prefix
	return v
}

// PerTopic answers each topic of an Access by itself: f is called for every
// one of them in order.
func PerTopic(a *Access, f func(*Topic) Code) Verdict {
	v := Allow().with()
	v.d.Codes = make([]uint32, len(a.Topics))
	for i := range a.Topics {
		v.d.Codes[i] = uint32(f(&a.Topics[i]))
	}
	return v
}

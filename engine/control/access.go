package control

import (
	"context"
	"net/http"
	"time"
)

// Ban is somebody who may not connect.
type Ban struct {
	As     string    `json:"as"` // clientid, username, peerhost, peerhost_net, clientid_re or username_re
	Who    string    `json:"who"`
	From   string    `json:"from,omitempty"` // address that it is limited to
	Until  time.Time `json:"until,omitzero"` // zero = for good
	Reason string    `json:"reason,omitempty"`
	By     string    `json:"by,omitempty"`
	At     time.Time `json:"at"`
}

// Access is what the server does with bans and permissions. Any function may be
// nil; see [Broker].
type Access struct {
	Bans         func() []Ban
	AddBan       func(context.Context, Ban) error
	RemoveBan    func(ctx context.Context, as, who string) error
	ClearAuthz   func(ctx context.Context, clientID string) error // remembered decisions; "" = all
	RecheckAuthz func(ctx context.Context, clientID string) error // subscriptions too
}

// routes adds the paths. What an action is about stands in the query.
func (a *Access) routes(mux *http.ServeMux) {
	show(mux, "/v1/bans", a.Bans)
	if a.AddBan != nil {
		actOn(mux, "POST /v1/bans", func(ctx context.Context, get func(string) string) error {
			until, err := time.Time{}, error(nil)
			if text := get("until"); text != "" {
				if until, err = time.Parse(time.RFC3339, text); err != nil {
					return err
				}
			}
			return a.AddBan(ctx, Ban{As: get("as"), Who: get("who"), Until: until, Reason: get("reason"), By: get("by")})
		})
	}
	if a.RemoveBan != nil {
		actOn(mux, "DELETE /v1/bans", func(ctx context.Context, get func(string) string) error {
			return a.RemoveBan(ctx, get("as"), get("who"))
		})
	}
	for pattern, do := range map[string]func(context.Context, string) error{
		"DELETE /v1/authz/cache": a.ClearAuthz, "POST /v1/authz/recheck": a.RecheckAuthz,
	} {
		if do != nil {
			actOn(mux, pattern, func(ctx context.Context, get func(string) string) error { return do(ctx, get("client_id")) })
		}
	}
}

// actOn is act for something that the query names.
func actOn(mux *http.ServeMux, pattern string, do func(ctx context.Context, get func(string) string) error) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), actionTime)
		defer cancel()
		if err := do(ctx, r.URL.Query().Get); err != nil {
			problem(w, http.StatusUnprocessableEntity, err.Error())
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

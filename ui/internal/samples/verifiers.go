package samples

import (
	"time"

	"github.com/rind-dev/rind/ui"
)

func verifiers() []Page {
	rows := []ui.VerifierRow{
		{ID: "v1", Name: "upload-berlin", State: ui.VerifierConnected, CreatedAt: ago(90 * day), CreatedBy: "ada", SeenAt: ago(4 * time.Second)},
		{ID: "v2", Name: "upload-paris", State: ui.VerifierConnected, CreatedAt: ago(80 * day), CreatedBy: "ada", SeenAt: ago(6 * time.Second), Lag: 1, Age: 3 * time.Second},
		{ID: "v3", Name: "mirror-of-the-engines-department-second-rack-on-the-left-side", State: ui.VerifierAway, CreatedAt: ago(70 * day), CreatedBy: "grace",
			SeenAt: ago(3 * time.Hour), Lag: 1204, Age: 2*time.Hour + 59*time.Minute},
		{ID: "v4", Name: "staging", State: ui.VerifierNew, CreatedAt: ago(time.Hour), CreatedBy: "ada", Lag: 40221},
		{ID: "v6", Name: "upload-rome", State: ui.VerifierAstray, CreatedAt: ago(60 * day), CreatedBy: "ada", SeenAt: ago(5 * time.Second), Lag: 40221},
		{ID: "v5", Name: "old-mirror", State: ui.VerifierRevoked, CreatedAt: ago(300 * day), CreatedBy: "grace", SeenAt: ago(40 * day), RevokedAt: ago(39 * day), RevokedBy: "ada"},
	}
	const address = "https://packages.example.org"
	reached := func(code string, r ui.Propagation) ui.Layout {
		l := member()
		l.Notice = ui.Notice{Code: code, Propagation: &r}
		return l
	}
	return []Page{
		{"verifiers", ui.VerifiersPage{Layout: done(member(), "verifier_revoked"), Verifiers: rows, IssuerURL: address}},
		{"verifiers-empty", ui.VerifiersPage{Layout: member(), IssuerURL: address}},
		{"verifiers-secret", ui.VerifiersPage{Layout: member(), Verifiers: rows[:4], NewName: "staging", IssuerURL: address,
			Secret: "rindv_c2FtcGxlIG9ubHksIG5vdCBhIHNlY3JldCBvZiBhbnlvbmU"}},
		{"verifiers-problems", ui.VerifiersPage{Verifiers: rows[:2], Name: "upload-berlin", IssuerURL: address,
			Layout: wrong(member(), ui.Problem{Field: "name", Code: "verifier_name_taken", Args: ui.Args{"name": "upload-berlin"}})}},
		{"verifier-revoke", ui.VerifierRevokePage{Layout: member(), Verifier: rows[1]}},
		{"verifier-revoke-away", ui.VerifierRevokePage{Layout: member(), Verifier: rows[2]}},
		{"tokens-reached", ui.TokensPage{Tokens: tokenRows(), HasProjects: true,
			Layout: reached("token_revoked", ui.Propagation{Connected: 3, Applied: 3, Took: 41 * time.Millisecond})}},
		{"tokens-unreached", ui.TokensPage{Tokens: tokenRows(), HasProjects: true,
			Layout: reached("token_revoked_soon", ui.Propagation{Connected: 4, Applied: 2, Took: 41 * time.Millisecond, Here: true,
				Behind: []string{"upload-paris"}, Away: []string{"mirror-of-the-engines-department-second-rack-on-the-left-side", "staging"}, More: 3})}},
	}
}

package samples

import (
	"time"

	"github.com/rind-dev/rind/ui"
)

func ci() ui.TokenRow {
	return ui.TokenRow{
		ID: "0193d5f4-7a1b-7c2e-8f3a-5b6d8e9f0a12", Label: "demo CI", Projects: []string{"demo"},
		State: ui.TokenActive, CreatedAt: ago(3 * day), ExpiresAt: in(12*day + time.Hour),
		LastUsedAt: ago(2 * time.Hour), LastProject: "demo", LastFrom: "203.0.113.0/24", Factor: "webauthn",
	}
}

func tokenRows() []ui.TokenRow {
	return []ui.TokenRow{
		ci(),
		{
			ID: "0193d5f4-7a1b-7c2e-8f3a-5b6d8e9f0a13", Factor: "totp", State: ui.TokenActive, CreatedAt: ago(80 * day), ExpiresAt: in(2*day + time.Minute),
			Label: "release machine of the engines department, second rack", LastUsedAt: ago(30 * day), LastProject: "demo-plugins", LastSaidBy: "mirror in berlin",
			Projects: []string{"demo", "demo-plugins", "analytical-engine-with-a-rather-long-name", "difference-engine"},
		},
		{ID: "0193d5f4-7a1b-7c2e-8f3a-5b6d8e9f0a14", Label: "laptop", AllProjects: true, State: ui.TokenActive, CreatedAt: ago(time.Minute),
			Limits: ui.Limits{Networks: []string{"203.0.113.0/24"}}, Replaced: true},
		{
			ID: "0193d5f4-7a1b-7c2e-8f3a-5b6d8e9f0a15", Factor: "recovery_code", Label: "old CI", Projects: []string{"demo"}, State: ui.TokenExpired,
			CreatedAt: ago(100 * day), ExpiresAt: ago(10 * day), LastUsedAt: ago(11 * day),
		},
		{
			ID: "0193d5f4-7a1b-7c2e-8f3a-5b6d8e9f0a16", Label: "leaked", AllProjects: true, State: ui.TokenRevoked,
			CreatedAt: ago(100 * day), RevokedAt: ago(5 * day), RevokedBy: "grace", Reason: "It was in a public log.",
		},
		{
			ID: "0193d5f4-7a1b-7c2e-8f3a-5b6d8e9f0a17", Label: "unused", AllProjects: true, State: ui.TokenRevoked,
			CreatedAt: ago(100 * day), RevokedAt: ago(5 * day),
		},
	}
}

func tokens() []Page {
	unused := ui.TokenRow{ID: ci().ID, Label: "laptop", AllProjects: true, State: ui.TokenActive, CreatedAt: ago(time.Minute)}
	coarse := ci()
	coarse.LastProject, coarse.LastFrom = "", ""
	nowhere := ci()
	nowhere.LastFrom = ""
	bounded := ci()
	bounded.Limits = ui.Limits{Versions: []string{"1.0", "1.1"}, Networks: []string{"203.0.113.0/24"}, Existing: true}
	bounded.NarrowedAt = ago(day)
	replaced := bounded
	replaced.Replaced, replaced.Limits.Versions = true, []string{"1.0"}
	choices := []ui.ProjectChoice{{Name: "demo", Checked: true}, {Name: "demo-plugins"}, {Name: "analytical-engine-with-a-rather-long-name"}}
	return []Page{
		{"tokens", ui.TokensPage{Layout: done(member(), "token_revoked"), Tokens: tokenRows(), HasProjects: true, Next: "0193", First: 1, Matched: 9999, Total: 9999}},
		{"tokens-filtered", ui.TokensPage{Layout: member(), Tokens: tokenRows()[:3], HasProjects: true, Projects: []string{"demo", "demo-plugins"}, First: 1, Matched: 3, Total: 40,
			Filter: ui.TokenFilter{Text: "ci", Project: "demo", State: ui.TokenActive, Expiring: "7", Sort: "expires"}}},
		{"tokens-second-page", ui.TokensPage{Layout: member(), Tokens: tokenRows()[3:], HasProjects: true, First: 101, Matched: 103, Total: 103, Filter: ui.TokenFilter{Sort: "label"}}},
		{"tokens-none-match", ui.TokensPage{Layout: member(), HasProjects: true, Total: 40, Filter: ui.TokenFilter{Unused: "90", Sort: "unused"}}},
		{"tokens-filter-problems", ui.TokensPage{HasProjects: true, Filter: ui.TokenFilter{State: "asleep", Expiring: "soon", Unused: "0", Sort: "size"},
			Layout: wrong(member(), ui.Problem{Field: "state", Code: "state_unknown"}, ui.Problem{Field: "sort", Code: "sort_unknown"},
				ui.Problem{Field: "expiring", Code: "unused_invalid", Args: ui.Args{"max": 3650}}, ui.Problem{Field: "unused", Code: "unused_invalid", Args: ui.Args{"max": 3650}})}},
		{"tokens-empty", ui.TokensPage{Layout: member(), HasProjects: true}},
		{"tokens-no-project", ui.TokensPage{Layout: member()}},
		{"token-new", ui.TokenNewPage{Layout: member(), Projects: choices, Life: "90"}},
		{"token-new-chosen", ui.TokenNewPage{Layout: member(), Projects: choices, Scope: ui.ScopeChosen, Life: ui.LifeUntil, MaxDays: 90}},
		{"token-new-problems", ui.TokenNewPage{
			Label: "demo CI", Scope: ui.ScopeChosen, Life: ui.LifeUntil, Expires: "2026-01-01", MaxDays: 365,
			Layout: wrong(member(),
				ui.Problem{Field: "label", Code: "label_taken", Args: ui.Args{"label": "demo CI"}},
				ui.Problem{Field: "projects", Code: "projects_required"},
				ui.Problem{Field: "expires", Code: "expires_past"}),
		}},
		{"token-new-unchosen", ui.TokenNewPage{Projects: choices, MaxDays: 1, Layout: wrong(member(),
			ui.Problem{Field: "label", Code: "label_required"},
			ui.Problem{Field: "scope", Code: "scope_required"},
			ui.Problem{Field: "life", Code: "life_too_long", Args: ui.Args{"max_days": 1}})}},
		{"token-created", ui.TokenCreatedPage{
			Layout: member(), Token: token, Label: "demo CI", Projects: []string{"demo", "demo-plugins"},
			ExpiresAt: time.Date(2027, time.March, 4, 0, 0, 0, 0, time.UTC), UploadURL: upload,
		}},
		{"token-created-all", ui.TokenCreatedPage{Layout: member(), Token: token, Label: "laptop", AllProjects: true, OnlyPublishers: []string{"demo", "engine"}, UploadURL: upload}},
		{"token-new-draft", ui.TokenNewPage{
			Layout: member(), Label: "CI", Projects: choices, Scope: ui.ScopeChosen, Life: "30", Draft: &bounded, Register: "demo-tools", Fresh: "demo-tools", IdempotencyKey: secret,
			Limits: ui.LimitsForm{Versions: "1.0, 1.1", Networks: "203.0.113.0/24", Existing: true},
		}},
		{"token-new-taken", ui.TokenNewPage{Label: "CI", Scope: ui.ScopeChosen, Register: "requests", Life: "30", IdempotencyKey: secret,
			Layout: wrong(member(), ui.Problem{Field: "register", Code: "project_name_taken", Args: ui.Args{"name": "requests"}})}},
		{"token-new-too-fast", ui.TokenNewPage{Label: "CI", Projects: choices, Scope: ui.ScopeAll, Life: "30", IdempotencyKey: secret,
			Layout: wrong(member(), ui.Problem{Code: "token_too_fast", Args: ui.Args{"max": 60, "minutes": 12}})}},
		{"token-created-registered", ui.TokenCreatedPage{Layout: member(), Token: token, Label: "CI", Projects: []string{"demo-tools"}, Registered: "demo-tools", UploadURL: upload}},
		{"token-new-limits", ui.TokenNewPage{Label: "CI", Projects: choices, Life: "30", Limits: ui.LimitsForm{Versions: "one"},
			Layout: wrong(member(), ui.Problem{Field: "versions", Code: "version_invalid", Args: ui.Args{"value": "one"}})}},
		{"token", ui.TokenPage{Layout: done(member(), "token_restricted"), Token: bounded, Label: bounded.Label, Owner: "ada", Factor: "webauthn", Own: true}},
		{"token-again", ui.TokenPage{Layout: done(member(), "token_again"), Token: ci(), Label: ci().Label, Owner: "ada", Factor: "webauthn", Own: true}},
		{"token-replaced", ui.TokenPage{Layout: member(), Token: replaced, Label: "x", Owner: "ada", Factor: "totp", Own: true}},
		{"token-revoked", ui.TokenPage{Layout: member(), Token: tokenRows()[4], Owner: "ada", Factor: "recovery_code", Own: true}},
		{"token-gone", ui.TokenPage{Layout: member(), Token: tokenRows()[5], Owner: "ada"}},
		{"token-of-another", ui.TokenPage{Layout: member(), Token: unused, Owner: "grace"}},
		{"token-label-taken", ui.TokenPage{Token: ci(), Label: "laptop", Owner: "ada", Own: true,
			Layout: wrong(member(), ui.Problem{Field: "label", Code: "label_taken", Args: ui.Args{"label": "laptop"}})}},
		{"token-restrict", ui.TokenRestrictPage{Layout: member(), Token: bounded, Projects: choices}},
		{"token-restrict-all", ui.TokenRestrictPage{Token: unused, Expires: "2026-12-01", Layout: wrong(member(),
			ui.Problem{Field: "projects", Code: "project_wider", Args: ui.Args{"project": "demo"}}, ui.Problem{Code: "restrict_nothing"})}},
		{"token-regenerate", ui.TokenRegeneratePage{Layout: member(), Token: ci()}},
		{"token-regenerate-problems", ui.TokenRegeneratePage{Token: unused, MaxDays: 90, Life: "30", Overlap: "24", Layout: wrong(member(),
			ui.Problem{Field: "overlap", Code: "overlap_invalid", Args: ui.Args{"max": 72}})}},
		{"token-regenerated", ui.TokenCreatedPage{
			Layout: member(), Token: token, Label: "demo CI", Projects: []string{"demo"}, Limits: bounded.Limits,
			OldEnds: in(day), UploadURL: upload,
		}},
		{"tokens-revoke", ui.TokensRevokePage{Layout: member(), Projects: []string{"demo", "demo-plugins"}}},
		{"tokens-revoke-picked", ui.TokensRevokePage{Layout: member(), Projects: []string{"demo"}, Project: "demo", Unused: "90", Picked: true, Tokens: tokenRows(), More: 9899}},
		{"tokens-revoke-none", ui.TokensRevokePage{Layout: member(), Picked: true, Unused: "90"}},
		{"token-revoke", ui.TokenRevokePage{Layout: member(), Token: ci()}},
		{"token-revoke-nowhere", ui.TokenRevokePage{Layout: member(), Token: nowhere}},
		{"token-revoke-coarse", ui.TokenRevokePage{Layout: member(), Token: coarse}},
		{"token-revoke-unused", ui.TokenRevokePage{Layout: member(), Token: unused}},
	}
}

package web

import (
	"github.com/rind-dev/rind/internal/idtoken"
	"github.com/rind-dev/rind/issuer/publishers"
	"github.com/rind-dev/rind/ui"
)

// issuersPage lists the CI systems beside those built in, and shows what was typed if the form was refused.
func (s *publisherServer) issuersPage(v *visit, status int, l ui.Layout) error {
	ctx := v.Request().Context()
	added, err := s.publishers.AddedIssuers(ctx, v.principal())
	if err != nil {
		return err
	}
	all, err := s.publishers.Issuers(ctx)
	if err != nil {
		return err
	}
	page := ui.IssuersPage{Layout: l}
	for _, i := range all[min(len(all), len(idtoken.BuiltIn())):] {
		row := issuerRow(publishers.AddedIssuer{Issuer: i, Keys: s.publishers.KeysOf(i.URL)})
		for _, a := range added {
			if a.Name == i.Name {
				row = issuerRow(a)
				row.Added = true
			}
		}
		page.Rows = append(page.Rows, row)
	}
	if f := v.form; f != nil {
		page.Name, page.URL, page.Kind, page.KeysURL = f.Get("name"), f.Get("url"), f.Get("kind"), f.Get("keys_url")
		page.Keys, page.CA, page.Private = f.Get("keys"), f.Get("ca"), f.Get("private") == "yes"
	}
	return v.render(status, page)
}

func issuerRow(a publishers.AddedIssuer) ui.IssuerRow {
	row := ui.IssuerRow{Name: a.Name, URL: a.URL, Kind: string(a.Kind), InUse: a.Use.Publishers > 0, Keys: a.Keys.Keys, FetchedAt: a.Keys.Fetched}
	if a.Keys.Failed != nil {
		row.Failed = a.Keys.Failed.Error()
	}
	return row
}

func (s *publisherServer) addIssuer(v *visit) error {
	f := v.form
	err := s.publishers.AddIssuer(v.Request().Context(), v.principal(), idtoken.Issuer{
		Name: f.Get("name"), URL: f.Get("url"), Kind: idtoken.Kind(f.Get("kind")), JWKSURL: f.Get("keys_url"), JWKS: f.Get("keys"), CA: f.Get("ca"),
		PrivateAddresses: f.Get("private") == "yes",
	})
	if err != nil {
		return err
	}
	return v.done("issuer_added")
}

// shownProjects is how many projects the page for removing a CI system names.
const shownProjects = 10

func (s *publisherServer) removeIssuerPage(v *visit, status int, l ui.Layout) error {
	i, err := s.publishers.AddedIssuer(v.Request().Context(), v.principal(), v.Param("name"))
	if err != nil {
		return err
	}
	names := i.Use.Projects
	return v.render(status, ui.IssuerRemovePage{
		Layout: l, Name: i.Name, URL: i.URL, Publishers: i.Use.Publishers, Pending: i.Use.Pending,
		Projects: names[:min(len(names), shownProjects)], More: max(len(names)-shownProjects, 0),
	})
}

func (s *publisherServer) removeIssuer(v *visit) error {
	if err := s.publishers.RemoveIssuer(v.Request().Context(), v.principal(), v.Param("name")); err != nil {
		return err
	}
	return v.done("issuer_removed")
}

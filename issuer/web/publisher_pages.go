package web

import (
	"slices"
	"strings"

	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/publishers"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/ui"
)

func rulesRow(r publishers.Rules) ui.PublisherRules {
	out := ui.PublisherRules{
		Issuer: r.Issuer, Kind: string(r.Kind), Repository: r.Repository, Workflow: r.Workflow, Called: r.Called, Environment: r.Environment,
		Refs: r.Refs, Protected: r.Protected, Events: r.Events, Runner: r.Runner, Tag: r.Tag, Network: r.Network,
	}
	for _, c := range r.Claims {
		out.Claims = append(out.Claims, c.Claim+" = "+strings.Join(c.Values, " or "))
	}
	return out
}

func publisherRow(p publishers.Publisher) ui.PublisherRow {
	row := ui.PublisherRow{
		ID: p.ID, Pending: p.Pending, Rules: rulesRow(p.Rules), Page: p.Rules.Page(), AddedBy: p.AddedBy, AddedAt: p.Added, EndsAt: p.Until,
		UsedAt: p.Used, UploadedAt: p.Uploaded, Working: p.Working, Stopped: p.Stopped, Unknown: p.Unknown, Refused: len(p.Refusals),
	}
	for _, pin := range p.Pins {
		row.Pins = append(row.Pins, ui.PinRow{Claim: pin.Claim, Value: pin.Value})
	}
	return row
}

func publisherRows(all []publishers.Publisher) (rows []ui.PublisherRow) {
	for _, p := range all {
		rows = append(rows, publisherRow(p))
	}
	return rows
}

func runRow(r tokens.Run) ui.RunRow {
	return ui.RunRow{
		Repository: r.Repository, Workflow: r.Workflow, Environment: r.Environment, Event: r.Event, Ref: r.Ref, Commit: r.Commit, Actor: r.Actor, ID: r.ID, URL: r.URL,
	}
}

// jobUploads shows the last uploads of jobs, at most so many.
func jobUploads(all []publishers.Upload, most int) (rows []ui.JobUpload) {
	for _, u := range all[:min(len(all), most)] {
		rows = append(rows, ui.JobUpload{At: u.At, Publisher: u.Run.Publisher, Run: runRow(u.Run)})
	}
	return rows
}

func refusalRows(all []publishers.Refusal) (rows []ui.RefusalRow) {
	for _, n := range all {
		row := ui.RefusalRow{At: n.At, Count: n.Count, Detail: n.Detail, Foreign: n.Foreign(), Run: runRow(n.Run)}
		offers := n.Offers()
		for _, d := range n.Differences {
			row.Differences = append(row.Differences, differenceRow(d, slices.Contains(offers, d)))
		}
		rows = append(rows, row)
	}
	return rows
}

func differenceRow(d publishers.Difference, offered bool) ui.DifferenceRow {
	return ui.DifferenceRow{Claim: d.Claim, Expected: d.Expected, Got: d.Got, Absent: d.Absent, Offered: offered}
}

// project returns the project that the address names.
func (s *publisherServer) project(v *visit) (projects.Project, error) {
	return s.projects.Get(v.Request().Context(), v.principal(), v.Param("name"))
}

// owned is project for owners. Other members get ErrNotOwner.
func (s *publisherServer) owned(v *visit) (projects.Project, error) {
	p, err := s.project(v)
	if err == nil && p.Role != projects.RoleOwner {
		err = ledger.ErrNotOwner
	}
	return p, err
}

func (s *publisherServer) list(v *visit) error {
	p, err := s.project(v)
	if err != nil {
		return err
	}
	all, err := s.publishers.List(v.Request().Context(), v.principal(), p.Name)
	if err != nil {
		return err
	}
	uploads, err := s.publishers.Uploads(v.Request().Context(), v.principal(), p.Name)
	if err != nil {
		return err
	}
	return v.show(ui.PublishersPage{
		Layout: v.layout(), Project: p.Name, Uploads: jobUploads(uploads, len(uploads)), Owner: p.Role == projects.RoleOwner, Rows: publisherRows(all), Days: publishers.RefusalDays,
	})
}

// find finds the publisher that the address names.
func find(v *visit, all []publishers.Publisher, err error) (publishers.Publisher, error) {
	i := slices.IndexFunc(all, func(p publishers.Publisher) bool { return p.ID == v.Param("id") })
	if err == nil && i < 0 {
		err = ledger.ErrNotFound
	}
	if err != nil {
		return publishers.Publisher{}, err
	}
	return all[i], nil
}

func (s *publisherServer) publisherPage(v *visit, status int, l ui.Layout) error {
	p, err := s.project(v)
	if err != nil {
		return err
	}
	all, err := s.publishers.List(v.Request().Context(), v.principal(), p.Name)
	one, err := find(v, all, err)
	if err != nil {
		return err
	}
	page := ui.PublisherPage{Layout: l, Project: p.Name, Owner: p.Role == projects.RoleOwner, Publisher: publisherRow(one)}
	return s.drawPublisher(v, status, page, one)
}

// drawPublisher adds what all publishers' pages have.
func (s *publisherServer) drawPublisher(v *visit, status int, page ui.PublisherPage, one publishers.Publisher) error {
	page.Refusals, page.Days = refusalRows(one.Refusals), publishers.RefusalDays
	page.Workflow = ui.WorkflowFor(page.Publisher.Rules, s.uploadURL(), s.publishers.Audience())
	if page.Workflow.Text == "" {
		page.Command = "rind token exchange --server " + s.address("") + " -- twine upload --repository-url " + s.uploadURL() + " dist/*"
	}
	return v.render(status, page)
}

// ownedPublisher finds the publisher that the address names, for owners of its project.
func (s *publisherServer) ownedPublisher(v *visit) (p projects.Project, one publishers.Publisher, err error) {
	p, err = s.owned(v)
	if err != nil {
		return p, one, err
	}
	all, err := s.publishers.List(v.Request().Context(), v.principal(), p.Name)
	one, err = find(v, all, err)
	return p, one, err
}

func (s *publisherServer) takePage(v *visit, status int, l ui.Layout) error {
	p, one, err := s.ownedPublisher(v)
	if err != nil {
		return err
	}
	return drawTake(v, status, ui.PublisherTakePage{Layout: l, Project: p.Name}, one)
}

// drawTake shows what taking over the value that the address names changes.
func drawTake(v *visit, status int, page ui.PublisherTakePage, one publishers.Publisher) error {
	claim, value := v.QueryParam("claim"), v.QueryParam("value")
	page.Publisher = publisherRow(one)
	for _, n := range one.Refusals {
		for _, d := range n.Offers() {
			if d.Claim == claim && d.Got == value {
				page.Difference, page.Run, page.At, page.Any = differenceRow(d, true), runRow(n.Run), n.At, d.Got == ""
				return v.render(status, page)
			}
		}
	}
	return ledger.ErrNotFound
}

func (s *publisherServer) take(v *visit) error {
	p, one, err := s.ownedPublisher(v)
	if err != nil {
		return err
	}
	if err := s.publishers.TakeOver(v.Request().Context(), v.principal(), p.Name, one.ID, v.form.Get("claim"), v.form.Get("value")); err != nil {
		return err
	}
	return v.done("publisher_changed")
}

func (s *publisherServer) vouch(v *visit) error {
	if err := s.publishers.Vouch(v.Request().Context(), v.principal(), v.Param("name"), v.Param("id")); err != nil {
		return err
	}
	return v.done("publisher_vouched")
}

func (s *publisherServer) removePage(v *visit, status int, l ui.Layout) error {
	p, err := s.owned(v)
	if err != nil {
		return err
	}
	all, err := s.publishers.List(v.Request().Context(), v.principal(), p.Name)
	one, err := find(v, all, err)
	if err != nil {
		return err
	}
	return v.render(status, ui.PublisherRemovePage{Layout: l, Project: p.Name, Publisher: publisherRow(one), LastOfOnly: len(all) == 1 && !p.Only.IsZero()})
}

func (s *publisherServer) remove(v *visit) error {
	ctx := v.Request().Context()
	revision, err := s.publishers.Remove(ctx, v.principal(), v.Param("name"), v.Param("id"))
	if err != nil {
		return err
	}
	return v.confirmed("publisher_removed", s.confirm(ctx, revision), v.Param("name"))
}

func (s *publisherServer) listPending(v *visit) error {
	all, err := s.publishers.Pending(v.Request().Context(), v.principal())
	if err != nil {
		return err
	}
	return v.show(ui.PendingPublishersPage{Layout: v.layout(), Rows: publisherRows(all), Life: pendingDays})
}

// pendingDays is how long a pending publisher waits.
const pendingDays = int(publishers.PendingLife / ledger.Day)

// ownPending finds the visitor's pending publisher that the address names.
func (s *publisherServer) ownPending(v *visit) (publishers.Publisher, error) {
	all, err := s.publishers.Pending(v.Request().Context(), v.principal())
	return find(v, all, err)
}

func (s *publisherServer) pendingPage(v *visit, status int, l ui.Layout) error {
	one, err := s.ownPending(v)
	if err != nil {
		return err
	}
	return s.drawPublisher(v, status, ui.PublisherPage{Layout: l, Owner: true, Publisher: publisherRow(one)}, one)
}

func (s *publisherServer) takePendingPage(v *visit, status int, l ui.Layout) error {
	one, err := s.ownPending(v)
	if err != nil {
		return err
	}
	return drawTake(v, status, ui.PublisherTakePage{Layout: l}, one)
}

func (s *publisherServer) takePending(v *visit) error {
	if err := s.publishers.TakeOverPending(v.Request().Context(), v.principal(), v.Param("id"), v.form.Get("claim"), v.form.Get("value")); err != nil {
		return err
	}
	return v.done("publisher_changed")
}

func (s *publisherServer) removePendingPage(v *visit, status int, l ui.Layout) error {
	one, err := s.ownPending(v)
	if err != nil {
		return err
	}
	return v.render(status, ui.PublisherRemovePage{Layout: l, Publisher: publisherRow(one)})
}

func (s *publisherServer) removePending(v *visit) error {
	if err := s.publishers.RemovePending(v.Request().Context(), v.principal(), v.Param("id")); err != nil {
		return err
	}
	return v.done("pending_removed")
}

package web

import (
	"github.com/rind-dev/rind/ui"
)

func (s *adminServer) listReservedNames(v *visit) error {
	reserved, err := s.projects.ReservedNames(v.Request().Context(), v.principal())
	if err != nil {
		return err
	}
	page := ui.ReservedNamesPage{Layout: v.layout()}
	for _, n := range reserved {
		page.Names = append(page.Names, ui.ReservedNameRow{Name: n.Name, DeletedBy: n.By, DeletedAt: n.Deleted, Until: n.Until})
	}
	return v.show(page)
}

func (s *adminServer) releaseName(v *visit) error {
	if err := s.projects.ReleaseName(v.Request().Context(), v.principal(), v.Param("name")); err != nil {
		return err
	}
	return v.done("name_released")
}

package main

import (
	"context"

	"github.com/rind-dev/rind/issuer/files"
	"github.com/rind-dev/rind/issuer/web"
	"github.com/rind-dev/rind/verifier/gateway/folder"
)

// keepFiles opens the folder that rind keeps files in. Its index says what the issuer knows of each project, and owners decide about
// its files.
func (h *instance) keepFiles(dir string) (*folder.Folder, error) {
	kept, err := folder.Open(dir, folder.WithStatus(func(ctx context.Context, project string) (folder.Status, error) {
		marker, reason, err := h.issuer.Projects.Status(ctx, project)
		return folder.Status{Marker: marker, Reason: reason}, err
	}))
	if err != nil {
		return nil, err
	}
	h.closers = append(h.closers, kept.Close)
	h.files = files.New(h.issuer.Ledger, h.issuer.Projects, web.FolderFiles(kept))
	return kept, nil
}

// finishFiles does what was decided about files and is not done yet.
func (h *instance) finishFiles(ctx context.Context) error {
	if h.files == nil {
		return nil
	}
	return h.files.Finish(ctx)
}

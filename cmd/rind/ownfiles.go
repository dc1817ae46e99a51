package main

import (
	"context"
	"errors"

	"github.com/rind-dev/rind/issuer/files"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/verifier/gateway/folder"
)

// ownFiles lets owners decide about the files in rind's own folder: it is the files.Index of a folder.
type ownFiles struct{ folder *folder.Folder }

var _ files.Index = ownFiles{}

// openFolder opens the folder that rind keeps files in. Its index says what the issuer knows of each project.
func (h *instance) openFolder(dir string) (*folder.Folder, error) {
	kept, err := folder.Open(dir, folder.WithStatus(func(ctx context.Context, project string) (folder.Status, error) {
		marker, err := h.issuer.Projects.Status(ctx, project)
		return folder.Status{Marker: marker}, err
	}))
	if err != nil {
		return nil, err
	}
	h.closers = append(h.closers, kept.Close)
	h.files = files.New(h.issuer.Ledger, h.issuer.Projects, ownFiles{kept})
	return kept, nil
}

// Files implements files.Index.
func (o ownFiles) Files(ctx context.Context, project string) (out []files.File, err error) {
	all, err := o.folder.Files(ctx, project)
	for _, f := range all {
		one := files.File{Name: f.Name, Version: f.Version, Size: f.Size, SHA256: f.SHA256, Uploaded: f.Uploaded, Attested: f.Attested}
		if f.Yanked != nil {
			one.Yanked = &files.Yank{Reason: f.Yanked.Reason, At: f.Yanked.At}
		}
		out = append(out, one)
	}
	return out, notFound(err)
}

// Yank implements files.Index.
func (o ownFiles) Yank(ctx context.Context, project, version, reason string) error {
	return notFound(o.folder.Yank(ctx, project, version, reason))
}

// Unyank implements files.Index.
func (o ownFiles) Unyank(ctx context.Context, project, version string) error {
	return notFound(o.folder.Unyank(ctx, project, version))
}

// Delete implements files.Index.
func (o ownFiles) Delete(ctx context.Context, project string, names []string) error {
	return notFound(o.folder.Delete(ctx, project, names))
}

// notFound says in the issuer's way that the folder has no such thing.
func notFound(err error) error {
	if errors.Is(err, folder.ErrNotFound) {
		return ledger.ErrNotFound
	}
	return err
}

package web

import (
	"context"
	"errors"

	"github.com/rind-dev/rind/issuer/files"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/verifier/gateway/folder"
)

// FolderFiles returns a folder as the index whose files owners decide about.
func FolderFiles(f *folder.Folder) files.Index { return folderFiles{f} }

type folderFiles struct{ folder *folder.Folder }

// ID implements files.Index.
func (o folderFiles) ID() string { return o.folder.ID() }

// Files implements files.Index.
func (o folderFiles) Files(ctx context.Context, project string) (out []files.File, err error) {
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
func (o folderFiles) Yank(ctx context.Context, project, version, reason string) error {
	return notFound(o.folder.Yank(ctx, project, version, reason))
}

// Unyank implements files.Index.
func (o folderFiles) Unyank(ctx context.Context, project, version string) error {
	return notFound(o.folder.Unyank(ctx, project, version))
}

// Delete implements files.Index.
func (o folderFiles) Delete(ctx context.Context, project string, names []string) error {
	return notFound(o.folder.Delete(ctx, project, names))
}

// notFound says in the issuer's way that the folder has no such thing.
func notFound(err error) error {
	if errors.Is(err, folder.ErrNotFound) {
		return ledger.ErrNotFound
	}
	return err
}

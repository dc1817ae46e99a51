package ui

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed assets
var embedded embed.FS

// hashLength is how many hex digits of an asset's SHA-256 are in its address.
const hashLength = 16

// assetFiles serves each asset as "<hash of its content>/<name>" and under no other name, so caches
// may keep whatever it serves for ever.
type assetFiles struct {
	files  fs.FS
	hashes map[string]string // by name
}

func readAssets() (*assetFiles, error) {
	files, err := fs.Sub(embedded, "assets")
	if err != nil {
		return nil, fmt.Errorf("ui: assets: %w", err)
	}
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, fmt.Errorf("ui: assets: %w", err)
	}
	a := &assetFiles{files: files, hashes: make(map[string]string, len(entries))}
	for _, e := range entries {
		b, err := fs.ReadFile(files, e.Name())
		if err != nil {
			return nil, fmt.Errorf("ui: assets: %w", err)
		}
		sum := sha256.Sum256(b)
		a.hashes[e.Name()] = hex.EncodeToString(sum[:])[:hashLength]
	}
	return a, nil
}

// Open implements fs.FS.
func (a *assetFiles) Open(name string) (fs.File, error) {
	hash, file, ok := strings.Cut(name, "/")
	if !ok || a.hashes[file] == "" || a.hashes[file] != hash {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return a.files.Open(file)
}

// path is the address of an asset.
func (a *assetFiles) path(name string) (string, error) {
	hash := a.hashes[name]
	if hash == "" {
		return "", fmt.Errorf("ui: there is no asset %q", name)
	}
	return string(PathAssets) + hash + "/" + name, nil
}

// Assets holds the stylesheets, scripts and pictures, to be served below PathAssets. Each name
// contains the hash of the content, so every file may be sent with
// "Cache-Control: public, max-age=31536000, immutable".
func (r *Renderer) Assets() fs.FS { return r.assets }

// AssetPath returns the address of the asset with the given name, or "" if no such asset exists.
func (r *Renderer) AssetPath(name string) string {
	p, err := r.assets.path(name)
	if err != nil {
		return ""
	}
	return p
}

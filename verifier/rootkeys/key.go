package rootkeys

import (
	"context"
	"errors"
	"fmt"

	"github.com/rind-dev/rind/internal/private"
	"github.com/rind-dev/rind/internal/seal"
)

// LoadKey reads the key of a store from a file: 64 hex digits and a newline, mode
// 0600 or 0400. A credential of systemd is such a file in $CREDENTIALS_DIRECTORY (in a
// unit, LoadCredential=rootkeys.key:/etc/rind/rootkeys.key and the path
// %d/rootkeys.key); there the group may read it as well, because that is how systemd
// gives the service's user access.
func LoadKey(path string) ([]byte, error) {
	return loadKey(private.Owner, path)
}

// LoadGroupKey is LoadKey for a file that its group may read as well, mode 0640 or 0440,
// if this process is in that group: a secret that a cluster mounts is such a file.
func LoadGroupKey(path string) ([]byte, error) {
	return loadKey(private.Group, path)
}

func loadKey(access private.Access, path string) ([]byte, error) {
	key, err := seal.LoadKeyFor(access, path, false)
	if err != nil {
		return nil, fmt.Errorf("rootkeys: %w", err)
	}
	return key, nil
}

// sealerOf derives what seals a store from the operator's key.
func sealerOf(key []byte) (*seal.Sealer, error) {
	master, err := seal.New(key)
	if err != nil {
		return nil, fmt.Errorf("rootkeys: the key of the store: %w", err)
	}
	sealer, err := master.Derive("root-key store")
	if err != nil {
		return nil, fmt.Errorf("rootkeys: %w", err)
	}
	return sealer, nil
}

// openWith prepares the store with its key. A store that is still sealed with OldKey
// is sealed anew.
func (s *Store) openWith(f *file, opt Options) error {
	err := s.prepare(f)
	if len(opt.OldKey) == 0 || !errors.Is(err, ErrWrongKey) {
		return err
	}
	newSealer := f.sealer
	f.sealer, err = sealerOf(opt.OldKey)
	if err != nil {
		return err
	}
	if err := s.prepare(f); err != nil || s.readOnly {
		return err
	}
	return s.rotateTo(context.Background(), newSealer)
}

package idtoken

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// maxDepth is how deep objects and lists may be nested in a token.
const maxDepth = 8

// ParseObject reads a JSON object whose names occur once each, at every depth. Numbers are
// json.Number. It refuses what follows the object, invalid UTF-8, and more than maxDepth levels.
// Unlike json.Unmarshal into a struct, it does not fold the case of names.
func ParseObject(b []byte) (map[string]any, error) {
	if !utf8.Valid(b) {
		return nil, errors.New("it is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	v, err := readValue(d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON object")
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("it is not a JSON object")
	}
	return m, nil
}

func readValue(d *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errors.New("it is nested too deeply")
	}
	t, err := d.Token()
	if err != nil {
		return nil, errors.New("it is not JSON")
	}
	switch t {
	case json.Delim('{'):
		return readObject(d, depth)
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := readValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, closed(d)
	}
	return t, nil
}

func readObject(d *json.Decoder, depth int) (any, error) {
	m := map[string]any{}
	for d.More() {
		k, err := d.Token()
		name, ok := k.(string)
		if err != nil || !ok {
			return nil, errors.New("it is not JSON")
		}
		if _, twice := m[name]; twice {
			return nil, fmt.Errorf("the name %q occurs twice", excerpt(name))
		}
		m[name], err = readValue(d, depth+1)
		if err != nil {
			return nil, err
		}
	}
	return m, closed(d)
}

// closed reads the end of an object or a list.
func closed(d *json.Decoder) error {
	if _, err := d.Token(); err != nil {
		return errors.New("it is not JSON")
	}
	return nil
}

// excerpt returns the beginning of a text that a stranger wrote.
func excerpt(s string) string {
	const most = 100 // characters
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}

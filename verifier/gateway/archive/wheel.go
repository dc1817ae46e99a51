package archive

import (
	"io"
	"strings"
)

// checkWheel reads a wheel (binary distribution format).
func checkWheel(src *source, want Want) error {
	z, err := openZip(src)
	if err != nil {
		return err
	}
	info, err := z.checkFolders(want)
	if err != nil {
		return err
	}
	for _, name := range []string{"METADATA", "WHEEL", "RECORD"} {
		if z.find(info+"/"+name) == nil {
			return fault("Wheel '%s' does not contain the required %s file: %s", want.Filename, name, clip(info+"/"+name))
		}
	}
	if err := z.readRecord(info); err != nil {
		return err
	}
	metadata := z.find(info + "/METADATA")
	if err := checkMetadata(z.open(metadata), metadata.size, "METADATA", want); err != nil {
		return err
	}
	if want.Metadata != nil {
		var err error
		*want.Metadata, err = io.ReadAll(z.open(metadata))
		if err != nil {
			return err
		}
	}
	wheel := z.find(info + "/WHEEL")
	if err := checkWheelFile(z.open(wheel), wheel.size); err != nil {
		return err
	}
	if points := z.find(info + "/entry_points.txt"); points != nil {
		if err := checkEntryPoints(z.open(points), points.size); err != nil {
			return err
		}
	}
	src.finishAhead(want.Ahead)
	return z.checkRecorded()
}

// checkFolders checks the folders that installers treat specially, and returns the one with the metadata.
func (z *zipFile) checkFolders(want Want) (info string, err error) {
	for i := range z.entries {
		name := z.entries[i].name
		top, below, isFolder := strings.Cut(name, "/")
		switch folded := fold(top); {
		case strings.HasSuffix(folded, ".dist-info"):
			if err := checkInfo(top, isFolder, want); err != nil {
				return "", err
			}
			if info != "" && info != top {
				return "", fault("the wheel has two .dist-info folders: '%s' and '%s'", clip(info), clip(top))
			}
			info = top
		case strings.HasSuffix(folded, ".egg-info"), strings.HasSuffix(folded, ".egg-link"):
			return "", fault("the wheel has the metadata of an egg in it: '%s'", clip(name))
		case strings.HasSuffix(folded, ".data"):
			if err := checkData(top, below, name, want); err != nil {
				return "", err
			}
		}
	}
	if info == "" {
		return "", fault("Wheel '%s' does not contain a .dist-info folder", want.Filename)
	}
	return info, nil
}

func checkInfo(top string, isFolder bool, want Want) error {
	stem, ok := strings.CutSuffix(top, ".dist-info")
	if !ok || !isFolder || !want.isStem(stem) {
		return fault("the wheel has '%s' in it, and the file is uploaded as '%s' version '%s'", clip(top), want.Project, clip(want.Version))
	}
	return nil
}

// schemes are the folders of a .data folder, whose content is installed elsewhere.
var schemes = map[string]bool{"purelib": true, "platlib": true, "headers": true, "scripts": true, "data": true}

func checkData(top, below, name string, want Want) error {
	stem, ok := strings.CutSuffix(top, ".data")
	if !ok || !want.isStem(stem) {
		return fault("the wheel has '%s' in it, which is the .data folder of something else", clip(top))
	}
	if below == "" {
		return nil
	}
	scheme, rest, _ := strings.Cut(below, "/")
	if !schemes[scheme] {
		return fault("'%s' is in no folder that installers know: use purelib, platlib, headers, scripts or data", clip(name))
	}
	for part := range strings.SplitSeq(fold(rest), "/") {
		if strings.HasSuffix(part, ".dist-info") || strings.HasSuffix(part, ".egg-info") || strings.HasSuffix(part, ".egg-link") {
			return fault("'%s' would be installed as the metadata of a package", clip(name))
		}
	}
	return nil
}

// checkWheelFile reads WHEEL: installers refuse a version of the format that they don't know.
func checkWheelFile(r io.Reader, size int64) error {
	fields, err := readFields(r, size, "WHEEL")
	if err != nil {
		return err
	}
	if major, _, _ := strings.Cut(fields["wheel-version"], "."); major != "1" {
		return fault("WHEEL has the version '%s' of the format: use 1.0", clip(fields["wheel-version"]))
	}
	return nil
}

// checkZipSdist reads an sdist that is a zip file.
func checkZipSdist(src *source, want Want) error {
	z, err := openZip(src)
	if err != nil {
		return err
	}
	var top string
	for i := range z.entries {
		err := oneTop(&top, z.entries[i].name)
		if err != nil {
			return err
		}
	}
	info := z.find(top + "/PKG-INFO")
	if info == nil {
		return fault("PKG-INFO not found at %s", clip(top+"/PKG-INFO"))
	}
	if err := checkMetadata(z.open(info), info.size, "PKG-INFO", want); err != nil {
		return err
	}
	src.finishAhead(want.Ahead)
	for i := range z.entries {
		_, ok := src.unpackedAhead(&z.entries[i])
		if ok {
			continue
		}
		_, err := io.Copy(io.Discard, z.open(&z.entries[i]))
		if err != nil {
			return err
		}
	}
	return nil
}

// oneTop checks that an entry of an sdist is in the one folder that all entries must be in.
func oneTop(top *string, name string) error {
	first, _, isFolder := strings.Cut(name, "/")
	switch {
	case !isFolder:
		return fault("an sdist has one folder, and everything in it: '%s' is beside it", clip(name))
	case *top != "" && *top != first:
		return fault("an sdist has one folder, and everything in it: there are '%s' and '%s'", clip(*top), clip(first))
	}
	*top = first
	return nil
}

package archive

import (
	"encoding/binary"
	"math"
)

// end is the record after the directory of a zip file.
type end struct {
	entries, size, at uint64 // number of entries, size and position of the directory
	behind            int64  // where the directory ends
}

// readEnd reads the end record, which must be the last bytes of the file, and the end record for 64-bit
// sizes if the file has one.
func readEnd(src *source) (e end, err error) {
	if src.size < endSize {
		return e, fault("it is not a zip file: it has only %d bytes", src.size)
	}
	at := src.size - endSize
	b, err := src.bytes(at, endSize)
	if err != nil {
		return e, err
	}
	le := binary.LittleEndian
	switch {
	case le.Uint32(b) != endSignature:
		return e, fault("it is not a zip file that ends with the end of its directory: it is cut off, has a comment or something behind it")
	case le.Uint16(b[20:]) != 0:
		return e, fault("the zip file has a comment")
	case le.Uint16(b[4:]) != 0 || le.Uint16(b[6:]) != 0 || le.Uint16(b[8:]) != le.Uint16(b[10:]):
		return e, fault("the zip file is one of several parts, or counts its entries twice")
	}
	e = end{entries: uint64(le.Uint16(b[10:])), size: uint64(le.Uint32(b[12:])), at: uint64(le.Uint32(b[16:])), behind: at}
	if err := e.read64(src); err != nil {
		return e, err
	}
	switch {
	case e.entries > MaxEntries:
		return e, fault("it has more than %d files and folders", MaxEntries)
	case e.entries == 0:
		return e, fault("the zip file is empty")
	case e.size > uint64(e.behind) || e.at != uint64(e.behind)-e.size:
		return e, fault("the directory of the zip file is not where its end says, or there is something between the two")
	}
	return e, nil
}

// read64 reads the end record for 64-bit sizes. That must exist if fields of the other record are too small
// for their values, and must agree with the other fields.
func (e *end) read64(src *source) error {
	needed := e.entries == math.MaxUint16 || e.size == math.MaxUint32 || e.at == math.MaxUint32
	if e.behind < locator64Size+end64Size {
		if needed {
			return fault("the zip file lacks the record with its sizes")
		}
		return nil
	}
	b, err := src.bytes(e.behind-locator64Size-end64Size, end64Size+locator64Size)
	if err != nil {
		return err
	}
	le, locator := binary.LittleEndian, b[end64Size:]
	if le.Uint32(locator) != locator64Signature {
		if needed {
			return fault("the zip file lacks the record with its sizes")
		}
		return nil
	}
	is := end{entries: le.Uint64(b[32:]), size: le.Uint64(b[40:]), at: le.Uint64(b[48:]), behind: e.behind - locator64Size - end64Size}
	switch {
	case le.Uint32(b) != end64Signature || le.Uint64(b[4:]) != end64Size-12, le.Uint64(locator[8:]) != uint64(is.behind),
		le.Uint32(locator[4:]) != 0 || le.Uint32(locator[16:]) > 1,
		le.Uint32(b[16:]) != 0 || le.Uint32(b[20:]) != 0 || le.Uint64(b[24:]) != is.entries,
		e.entries != math.MaxUint16 && e.entries != is.entries,
		e.size != math.MaxUint32 && e.size != is.size, e.at != math.MaxUint32 && e.at != is.at:
		return fault("the zip file has two ends that disagree")
	}
	*e = is
	return nil
}

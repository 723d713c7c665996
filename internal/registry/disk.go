package registry

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/stream"
)

// The files of a gateway's folder. None is trusted: what counts in them is signed or sealed, and checked on load.
const (
	fileIdentity   = "identity.json"
	fileGroupKeys  = "group-keys.json"
	fileHeartbeat  = "heartbeat.json"
	fileWithdrawal = "withdrawal.json"
	fileSnapshot   = "snapshot.ndjson"
	fileLog        = "log.ndjson"
	tempSuffix     = ".new"
)

// disk is the gateway's own folder. Small files are replaced as a whole; the log is appended to, and its bad tail cut.
type disk struct {
	mu       sync.Mutex // of identity.json, which two goroutines change
	dir      string
	key      seal.Key // seals what must not be read from the disk alone
	log      *os.File
	logSize  int64
	snapSize int64
	failed   time.Time // when a write failed: the log has a hole since, and only the next snapshot mends it
}

// identity is who this gateway is: its sealed key, and what enrolment said.
type identity struct {
	Gateway      string          `json:"gateway"`
	Key          string          `json:"key"`
	KeyPublished bool            `json:"keyPublished,omitempty"`
	PublicKey    string          `json:"publicKey,omitempty"`
	Enrolment    *stream.Message `json:"enrolment,omitempty"`
}

// savedPulse is the last heartbeat that counted.
type savedPulse struct {
	Message  *stream.Message `json:"message"`
	Received time.Time       `json:"received"`
}

// savedKeys are the group's keys, sealed for the credential as they came.
type savedKeys struct {
	Group string            `json:"group"`
	Keys  map[string]string `json:"keys"`
}

func openDisk(dir string, token stream.Token) (*disk, error) {
	if dir == "" {
		return nil, errors.New("a gateway needs a folder of its own")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the gateway's folder: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil { //nolint:gosec // a folder needs x to be entered
		return nil, fmt.Errorf("close the gateway's folder to others: %w", err)
	}
	d := &disk{dir: dir, key: seal.Derive([]byte(token.Reveal()), "gateway disk")}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("look into the gateway's folder: %w", err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), tempSuffix) {
			if err := os.Remove(d.path(e.Name())); err != nil {
				return nil, fmt.Errorf("clear a half-written file: %w", err)
			}
		}
	}
	return d, nil
}

func (d *disk) path(name string) string { return filepath.Join(d.dir, name) }

// close closes the log.
func (d *disk) close() error {
	if d.log == nil {
		return nil
	}
	err := d.log.Close()
	d.log = nil
	return err
}

// wipe forgets everything: it belongs to another credential.
func (d *disk) wipe() error {
	for _, name := range []string{fileIdentity, fileGroupKeys, fileHeartbeat, fileWithdrawal, fileSnapshot, fileLog} {
		if err := os.Remove(d.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("clear the gateway's folder: %w", err)
		}
	}
	return nil
}

// read decodes a small file; false when it is not there or cannot be understood.
func (d *disk) read(name string, to any) bool {
	data, err := os.ReadFile(d.path(name))
	return err == nil && json.Unmarshal(data, to) == nil
}

// write replaces a small file, so that a crash leaves the old one or the new one.
func (d *disk) write(name string, v any) error {
	f, err := d.temporary(name, v)
	if err != nil {
		return err
	}
	return d.settle(f, name)
}

func (d *disk) temporary(name string, v any) (*os.File, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", name, err)
	}
	f, err := os.OpenFile(d.path(name+tempSuffix), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", name, err)
	}
	if _, err := f.Write(append(data, '\n')); err != nil {
		return nil, errors.Join(fmt.Errorf("write %s: %w", name, err), f.Close())
	}
	return f, nil
}

// jot replaces a small file like write, and leaves it to the system when it reaches the disk itself.
func (d *disk) jot(name string, v any) error {
	f, err := d.temporary(name, v)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Rename(f.Name(), d.path(name)))
}

// settle puts a fully written temporary file in the place of name.
func (d *disk) settle(f *os.File, name string) error {
	if err := errors.Join(f.Sync(), f.Close(), os.Rename(f.Name(), d.path(name))); err != nil {
		return fmt.Errorf("put %s in place: %w", name, err)
	}
	folder, err := os.Open(d.dir)
	if err != nil {
		return fmt.Errorf("put %s in place: %w", name, err)
	}
	return errors.Join(folder.Sync(), folder.Close())
}

const (
	minLogLimit = 16 << 20  // below this size the log is never too long
	maxLine     = 256 << 20 // longer lines are not messages
	mendAfter   = 30 * time.Second
)

// snapshotFile is a snapshot on its way to the disk. It counts from commit on.
type snapshotFile struct {
	d *disk
	f *os.File
	w *bufio.Writer
	n int64
}

func (d *disk) beginSnapshot() (*snapshotFile, error) {
	f, err := os.OpenFile(d.path(fileSnapshot+tempSuffix), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("begin a snapshot on disk: %w", err)
	}
	return &snapshotFile{d: d, f: f, w: bufio.NewWriterSize(f, 64<<10)}, nil
}

func (s *snapshotFile) add(m *stream.Message) error {
	n, err := writeLine(s.w, m)
	s.n += n
	return err
}

// commit replaces the snapshot and empties the log. A crash between the two leaves a log whose messages the new
// snapshot already holds, or which do not follow it: both are skipped or cut on load.
func (s *snapshotFile) commit() error {
	if err := s.w.Flush(); err != nil {
		return errors.Join(fmt.Errorf("write the snapshot: %w", err), s.discard())
	}
	if err := s.d.settle(s.f, fileSnapshot); err != nil {
		return err
	}
	s.d.snapSize = s.n
	return s.d.openLog(0)
}

func (s *snapshotFile) discard() error { return errors.Join(s.f.Close(), os.Remove(s.f.Name())) }

func writeLine(w io.Writer, m *stream.Message) (int64, error) {
	line, err := m.Encode()
	if err != nil {
		return 0, err
	}
	n, err := w.Write(append(line, '\n'))
	if err != nil {
		return int64(n), fmt.Errorf("write a message to disk: %w", err)
	}
	return int64(n), nil
}

// openLog opens the log for appending and cuts it to size.
func (d *disk) openLog(size int64) error {
	err := d.close()
	f, openErr := os.OpenFile(d.path(fileLog), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err := errors.Join(err, openErr); err != nil {
		d.fail()
		return fmt.Errorf("open the log: %w", err)
	}
	if err := f.Truncate(size); err != nil {
		d.fail()
		return errors.Join(fmt.Errorf("cut the log: %w", err), f.Close())
	}
	d.log, d.logSize, d.failed = f, size, time.Time{}
	return nil
}

// append adds a message that was verified and follows what is on disk. It is not forced to the disk: a tail that a
// power cut takes is fetched again.
func (d *disk) append(m *stream.Message) error {
	if !d.failed.IsZero() || d.log == nil {
		return nil
	}
	n, err := writeLine(d.log, m)
	d.logSize += n
	if err != nil {
		d.fail()
	}
	return err
}

// fail notes that the log has a hole.
func (d *disk) fail() { d.failed = time.Now() }

// tooLong tells that a fresh snapshot is due: the log has grown past its use, or has a hole to be mended.
func (d *disk) tooLong() bool {
	if !d.failed.IsZero() {
		return time.Since(d.failed) > mendAfter
	}
	return d.logSize > max(minLogLimit, 4*d.snapSize)
}

// readLines yields the messages of a file until one cannot be read or yield refuses it, and gives the length of what
// was good, and why it ended early. A last line without its end is a torn write.
func (d *disk) readLines(name string, yield func(*stream.Message) error) (good int64, err error) {
	f, err := os.Open(d.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("open %s: %w", name, err)
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewReaderSize(f, 64<<10)
	for {
		line, err := stream.ReadLine(lines, maxLine)
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return good, nil
		}
		if err != nil {
			return good, fmt.Errorf("%s, in a line after %d bytes: %w", name, good, err)
		}
		m, err := stream.Decode(line)
		if err == nil {
			err = yield(m)
		}
		if err != nil {
			return good, fmt.Errorf("%s after %d bytes: %w", name, good, err)
		}
		good += int64(len(line))
	}
}

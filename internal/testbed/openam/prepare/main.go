// Command prepare owns one change to an unpacked OpenAM, which scripts/setup has made once: the directory inside listens
// on loopback only, and its JMX door is shut. It does not own how OpenAM is started: that is the room above.
package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: prepare FOLDER/WEB-INF/template/opendj/opendj.zip")
		os.Exit(2)
	}
	if err := prepare(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "prepare:", err)
		os.Exit(1)
	}
}

const config = "template/config/config.ldif"

// prepare rewrites the archive with another configuration.
func prepare(path string) error {
	archive, err := os.ReadFile(path) //nolint:gosec // the path that set-up gave
	if err != nil {
		return fmt.Errorf("read the directory's archive: %w", err)
	}
	in, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return fmt.Errorf("open the directory's archive: %w", err)
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	changed := false
	for _, f := range in.File {
		if f.Name != config {
			if err := w.Copy(f); err != nil {
				return fmt.Errorf("copy %s: %w", f.Name, err)
			}
			continue
		}
		text, err := content(f)
		if err != nil {
			return err
		}
		if text, err = loopback(text); err != nil {
			return err
		}
		to, err := w.Create(f.Name)
		if err != nil {
			return fmt.Errorf("write %s: %w", f.Name, err)
		}
		if _, err := to.Write(text); err != nil {
			return fmt.Errorf("write %s: %w", f.Name, err)
		}
		changed = true
	}
	if !changed {
		return fmt.Errorf("the directory's archive has no %s", config)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("close the directory's archive: %w", err)
	}
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil { //nolint:gosec // the path that set-up gave
		return fmt.Errorf("write the directory's archive: %w", err)
	}
	return nil
}

func content(f *zip.File) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", f.Name, err)
	}
	defer func() { _ = r.Close() }()
	text, err := io.ReadAll(io.LimitReader(r, 16<<20))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.Name, err)
	}
	return text, nil
}

// loopback binds every listener to 127.0.0.1. The JMX handler has no such setting, so an idle one takes its place.
func loopback(text []byte) ([]byte, error) {
	text = bytes.ReplaceAll(text, []byte("0.0.0.0"), []byte("127.0.0.1"))
	port := []byte("ds-cfg-listen-port: 1689\n")
	text = bytes.ReplaceAll(text, port, append(bytes.Clone(port), "ds-cfg-listen-address: 127.0.0.1\n"...))
	before, after, ok := bytes.Cut(text, []byte("dn: cn=JMX Connection Handler"))
	entry, rest, ended := bytes.Cut(after, []byte("\n\n"))
	if !ok || !ended {
		return nil, fmt.Errorf("%s has no JMX connection handler", config)
	}
	entry = bytes.ReplaceAll(entry, []byte("ds-cfg-jmx-connection-handler"),
		[]byte("ds-cfg-ldif-connection-handler\nobjectClass: extensibleObject"))
	entry = bytes.ReplaceAll(entry, []byte("jmx.JmxConnectionHandler"), []byte("LDIFConnectionHandler"))
	return bytes.Join([][]byte{
		before, []byte("dn: cn=JMX Connection Handler"), entry,
		[]byte("\nds-cfg-ldif-directory: config/none\nds-cfg-poll-interval: 1 hours\n\n"), rest,
	}, nil), nil
}

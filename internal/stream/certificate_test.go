package stream_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward/internal/stream"
)

// TestACertificateIsReadAgainByWhatItHolds: files with the old ones' times are new ones, broken ones leave the last
// good pair in place and are told once, and good ones after them are taken.
func TestACertificateIsReadAgainByWhatItHolds(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	at := time.Now().Add(-time.Hour)
	renew := func() {
		t.Helper()
		writeCertificate(t, certFile, keyFile)
		for _, name := range []string{certFile, keyFile} {
			if err := os.Chtimes(name, at, at); err != nil {
				t.Fatal(err)
			}
		}
	}
	renew()
	var log bytes.Buffer
	c, err := stream.NewCertificate(certFile, keyFile, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	config := c.Config()
	served := func() string {
		t.Helper()
		pair, err := config.GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return string(pair.Certificate[0])
	}
	awaitOther := func(before string) string {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
			if now := served(); now != before {
				return now
			}
		}
		t.Fatal("the changed files were not read")
		return ""
	}
	first := served()
	renew()
	second := awaitOther(first)

	if err := os.WriteFile(certFile, []byte("-----BEGIN CERTIFICATE-----\nhalf"), 0o600); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); !strings.Contains(log.String(), "cannot be used"); {
		if served() != second || time.Now().After(deadline) {
			t.Fatalf("broken files: the last good certificate is gone, or nothing is told of them: %s", log.String())
		}
		time.Sleep(50 * time.Millisecond)
	}
	renew()
	awaitOther(second)
	if told := strings.Count(log.String(), "cannot be used"); told != 1 {
		t.Errorf("told %d times: %s", told, log.String())
	}
	if _, err := stream.NewCertificate(filepath.Join(dir, "absent"), keyFile, nil); err == nil {
		t.Error("absent files are no fault at the start")
	}
}

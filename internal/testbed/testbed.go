// Package testbed owns what tests need to start real programs beside them: where set-up put those programs, free
// ports, and children that die with the test. It does not own the programs' own settings, which have a room each
// below it, and nothing outside tests imports it.
package testbed

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"syscall"
)

// TB is the part of testing.TB that the rooms below use, so that a TestMain can bring its own.
type TB interface {
	Helper()
	Cleanup(f func())
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
	Failed() bool
}

// ErrNotSetUp says that something the tests need is missing from the machine.
var ErrNotSetUp = errors.New("run `make setup`")

// CacheDir is where scripts/setup keeps what it downloaded: $XDG_CACHE_HOME/keyward, or ~/.cache/keyward, also when
// HOME is not set.
func CacheDir() (string, error) {
	base := os.Getenv("XDG_CACHE_HOME")
	if base == "" {
		home := os.Getenv("HOME")
		if home == "" {
			u, err := user.Current()
			if err != nil {
				return "", fmt.Errorf("find the home folder: %w", err)
			}
			home = u.HomeDir
		}
		base = filepath.Join(home, ".cache")
	}
	return filepath.Join(base, "keyward"), nil
}

// Cached gives the path of something that scripts/setup put into the cache folder. The error wraps ErrNotSetUp when
// it is not there.
func Cached(elem ...string) (string, error) {
	dir, err := CacheDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(append([]string{dir}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%s is not there: %w", path, ErrNotSetUp)
	}
	return path, nil
}

// Tool finds an installed program by name, in the folders of a superuser too. The error wraps ErrNotSetUp when there
// is none.
func Tool(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/sbin"} {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("there is no program %s: %w", name, ErrNotSetUp)
}

// The ports that tests are given lie below those that systems give by themselves, to clients too.
const (
	firstPort = 12_000
	portCount = 18_000
)

// Port gives a loopback TCP port that nobody listens on and that no other test, of this process or another one, is given
// while this process runs.
func Port(ctx context.Context) (int, error) {
	for range portCount {
		port := firstPort + rand.IntN(portCount) //nolint:gosec // it is no secret
		mine, err := claim(port)
		if err != nil {
			return 0, fmt.Errorf("find a free port: %w", err)
		}
		if !mine {
			continue
		}
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue // a program that is no test's has it
		}
		if err := l.Close(); err != nil {
			return 0, fmt.Errorf("find a free port: %w", err)
		}
		return port, nil
	}
	return 0, errors.New("find a free port: there is none")
}

// claim tells whether this process is the first to take a port. What stands for it is a socket with a name in Linux's
// abstract namespace, which nobody closes before the process ends.
func claim(port int) (bool, error) {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return false, fmt.Errorf("open a socket: %w", err)
	}
	err = syscall.Bind(fd, &syscall.SockaddrUnix{Name: fmt.Sprintf("@keyward-test-port-%d", port)})
	if err == nil {
		return true, nil
	}
	if closed := syscall.Close(fd); !errors.Is(err, syscall.EADDRINUSE) {
		return false, fmt.Errorf("name a socket: %w", errors.Join(err, closed))
	}
	return false, nil
}

// Address gives a loopback address host:port, of a Port.
func Address(t TB) string {
	t.Helper()
	p, err := Port(context.Background())
	if err != nil {
		t.Fatalf("%v", err)
	}
	return fmt.Sprintf("127.0.0.1:%d", p)
}

// Package postgres owns a private PostgreSQL for tests: a cluster of its own in a temporary folder, started from the
// installed binaries and gone afterwards. It does not own what tests do in it.
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver that Database names
)

// Cluster is a running server.
type Cluster struct {
	bin, dir string
	port     int
	count    atomic.Int64
}

// startTimeout bounds initdb and start on a busy machine.
const startTimeout = 2 * time.Minute

// Start makes a cluster in a temporary folder and starts it on a free loopback port. Stop it afterwards. Durability is
// off: what is tested is the SQL, not the disk. Root starts it as user postgres, which Debian's package makes.
func Start(ctx context.Context) (*Cluster, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	dir, err := os.MkdirTemp("", "keyward-postgres-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for PostgreSQL: %w", err)
	}
	c := &Cluster{bin: bin, dir: dir}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return c, nil
}

// binaries finds the newest installed server.
func binaries() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", fmt.Errorf("look for PostgreSQL: %w", err)
	}
	slices.SortFunc(found, func(a, b string) int { return version(a) - version(b) })
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), nil
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	return "", errors.New("PostgreSQL's server programs are not installed: apt-get install postgresql " +
		"(or put initdb and pg_ctl on the PATH)")
}

func version(initdb string) int {
	v, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(initdb))))
	if err != nil {
		return 0 // a name that is no number is older than all that are
	}
	return v
}

func (c *Cluster) start(ctx context.Context) error {
	if os.Geteuid() == 0 {
		if err := giveTo("postgres", c.dir); err != nil {
			return err
		}
	}
	data := filepath.Join(c.dir, "data")
	if err := c.run(ctx, "initdb", "-D", data, "-U", "keyward", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8",
		"--no-sync"); err != nil {
		return err
	}
	var err error
	for range 5 { // between choosing a port and listening on it, another process may take it
		if c.port, err = freePort(); err != nil {
			return err
		}
		options := fmt.Sprintf("-p %d -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off "+
			"-c full_page_writes=off -c synchronous_commit=off -c max_connections=200 -c deadlock_timeout=100ms", c.port)
		err = c.run(ctx, "pg_ctl", "-D", data, "-w", "-l", filepath.Join(c.dir, "log"), "-o", options, "start")
		if err == nil {
			return nil
		}
	}
	return err
}

// giveTo makes the folder belong to the user that the server runs as.
func giveTo(name, dir string) error {
	u, err := user.Lookup(name)
	if err != nil {
		return fmt.Errorf("PostgreSQL does not run as root, and there is no user %s: %w", name, err)
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return fmt.Errorf("read the id of user %s: %w", name, err)
	}
	if err := os.Chown(dir, uid, -1); err != nil {
		return fmt.Errorf("give the folder to user %s: %w", name, err)
	}
	return nil
}

func (c *Cluster) run(ctx context.Context, program string, args ...string) error {
	path := filepath.Join(c.bin, program)
	if os.Geteuid() == 0 {
		args = append([]string{"-u", "postgres", "--", path}, args...)
		path = "runuser"
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = c.dir
	// A file, not a pipe: the server inherits it, and a pipe would not end before the server does.
	out, err := os.Create(filepath.Join(c.dir, "output"))
	if err != nil {
		return fmt.Errorf("keep the output of %s: %w", program, err)
	}
	cmd.Stdout, cmd.Stderr = out, out
	err = errors.Join(cmd.Run(), out.Close())
	if err == nil {
		return nil
	}
	said, _ := os.ReadFile(out.Name())                 // whatever can be read helps
	log, _ := os.ReadFile(filepath.Join(c.dir, "log")) // the same
	return fmt.Errorf("%s: %w\n%s%s", program, err, said, log)
}

func freePort() (int, error) {
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = l.Close() }() // nothing was accepted
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return 0, fmt.Errorf("read the free port: %w", err)
	}
	return strconv.Atoi(port)
}

// URL is the address of a database of the cluster.
func (c *Cluster) URL(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.User("keyward"), Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)),
		Path: "/" + database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Database makes a fresh, empty database, and gives its address.
func (c *Cluster) Database(ctx context.Context) (string, error) {
	db, err := sql.Open("pgx", c.URL("postgres"))
	if err != nil {
		return "", fmt.Errorf("reach the test's PostgreSQL: %w", err)
	}
	defer func() { _ = db.Close() }() // nothing is left to lose
	name := "test" + strconv.FormatInt(c.count.Add(1), 10)
	if _, err := db.ExecContext(ctx, "CREATE DATABASE "+name); err != nil {
		return "", fmt.Errorf("make a database for the test: %w", err)
	}
	return c.URL(name), nil
}

// Stop ends the server and removes its folder.
func (c *Cluster) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	err := c.run(ctx, "pg_ctl", "-D", filepath.Join(c.dir, "data"), "-m", "immediate", "-w", "stop")
	return errors.Join(err, os.RemoveAll(c.dir))
}

// String names the cluster by its folder.
func (c *Cluster) String() string { return strings.TrimSpace("PostgreSQL in " + c.dir) }

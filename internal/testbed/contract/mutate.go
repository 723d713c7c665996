package contract

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Report is what came of playing mutated requests.
type Report struct {
	Played   int      // mutations
	Accepted []string // those that the server took
	Broken   []string // requests that it refused unchanged, though it had taken them before
}

// Mutate plays every recorded request that succeeded again, of those with this part in their paths, each time with one
// change: a field of the header, a parameter or a member that is dropped, renamed or of another type. Each is played to a
// server of its own, which has seen the requests before it; so build must count up its ids and secrets, never draw them.
func Mutate(build func() http.Handler, seen []Request, part string) Report {
	report := Report{}
	known := map[string]bool{}
	for i, q := range seen {
		if q.Status >= http.StatusBadRequest || !strings.Contains(q.URI, part) {
			continue
		}
		before := func() http.Handler {
			h := build()
			for _, earlier := range seen[:i] {
				play(h, earlier)
			}
			return h
		}
		if w := play(before(), q); w.Code != q.Status {
			report.Broken = append(report.Broken, fmt.Sprintf("%s %s: %d, now %d %s", q.Method, q.URI, q.Status, w.Code, w.Body))
			continue
		}
		for _, m := range mutations(q) {
			if known[m.name+m.request.Body] {
				continue
			}
			known[m.name+m.request.Body] = true
			report.Played++
			if w := play(before(), m.request); w.Code < http.StatusBadRequest {
				report.Accepted = append(report.Accepted, m.name)
			}
		}
	}
	slices.Sort(report.Accepted)
	report.Accepted = slices.Compact(report.Accepted)
	return report
}

type mutation struct {
	name    string
	request Request
}

func mutations(q Request) []mutation {
	var all []mutation
	u, err := url.Parse(q.URI)
	if err != nil {
		return nil
	}
	add := func(what string, change func(r *Request)) {
		r := q
		r.Header = q.Header.Clone()
		change(&r)
		all = append(all, mutation{name: q.Method + " " + u.Path + ": " + what, request: r})
	}
	add("another path", func(r *Request) { r.URI = u.Path + "/more" })
	for _, name := range []string{"Authorization", "Content-Type", "X-Xsrf-Header", "If-None-Match"} {
		value := q.Header.Get(name)
		if value == "" {
			continue
		}
		add("drop field "+name, func(r *Request) { r.Header.Del(name) })
		add("rename field "+name, func(r *Request) {
			r.Header.Del(name)
			r.Header.Set(name+"-X", value)
		})
		add("change field "+name, func(r *Request) { r.Header.Set(name, "x"+value) })
	}
	for what, values := range mutatedValues("query", u.Query()) {
		add(what, func(r *Request) { r.URI = u.Path + "?" + values.Encode() })
	}
	kind := q.Header.Get("Content-Type")
	switch {
	case strings.HasPrefix(kind, "application/json"):
		var body map[string]any
		if json.Unmarshal([]byte(q.Body), &body) != nil {
			break
		}
		for what, changed := range mutatedObject("", body) {
			text, err := json.Marshal(changed)
			if err != nil {
				continue
			}
			add(what, func(r *Request) { r.Body = string(text) })
		}
		add("no JSON", func(r *Request) { r.Body = r.Body[:len(r.Body)-1] })
	case strings.HasPrefix(kind, "application/x-www-form-urlencoded"):
		form, err := url.ParseQuery(q.Body)
		if err != nil {
			break
		}
		for what, values := range mutatedValues("form", form) {
			add(what, func(r *Request) { r.Body = values.Encode() })
		}
	}
	return all
}

func mutatedValues(where string, values url.Values) map[string]url.Values {
	all := map[string]url.Values{}
	for name := range values {
		dropped, renamed, twice := maps.Clone(values), maps.Clone(values), maps.Clone(values)
		delete(dropped, name)
		delete(renamed, name)
		renamed[name+"_x"] = values[name]
		twice[name] = append(slices.Clone(values[name]), "again")
		all["drop "+where+" "+name], all["rename "+where+" "+name], all["double "+where+" "+name] = dropped, renamed, twice
	}
	return all
}

// mutatedObject gives the object with one change each, at any depth.
func mutatedObject(at string, o map[string]any) map[string]map[string]any {
	all := map[string]map[string]any{}
	for name, value := range o {
		path := at + "/" + name
		with := func(what string, put func(c map[string]any)) {
			c := maps.Clone(o)
			delete(c, name)
			put(c)
			all[what] = c
		}
		with("drop member "+path, func(map[string]any) {})
		with("rename member "+path, func(c map[string]any) { c[name+"_x"] = value })
		with("retype member "+path, func(c map[string]any) { c[name] = otherType(value) })
		switch v := value.(type) {
		case map[string]any:
			for what, inner := range mutatedObject(path, v) {
				with(what, func(c map[string]any) { c[name] = inner })
			}
		case []any:
			if len(v) == 0 {
				break
			}
			with("retype item of "+path, func(c map[string]any) {
				c[name] = append([]any{otherType(v[0])}, v[1:]...)
			})
			if first, isObject := v[0].(map[string]any); isObject {
				for what, inner := range mutatedObject(path+"/0", first) {
					with(what, func(c map[string]any) { c[name] = append([]any{inner}, v[1:]...) })
				}
			}
		}
	}
	return all
}

func otherType(value any) any {
	if _, isText := value.(string); isText {
		return 7
	}
	return "7"
}

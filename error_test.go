package keyward_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"

	"keyward.dev/keyward"
)

// TestGatewayCodesAreAll holds the list against the first block of constants in error.go.
func TestGatewayCodesAreAll(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "error.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared []keyward.Code
	for _, d := range file.Decls {
		block, ok := d.(*ast.GenDecl)
		if !ok || block.Tok != token.CONST {
			continue
		}
		for _, spec := range block.Specs {
			values, _ := spec.(*ast.ValueSpec)
			text, _ := values.Values[0].(*ast.BasicLit)
			code, err := strconv.Unquote(text.Value)
			if err != nil {
				t.Fatal(err)
			}
			declared = append(declared, keyward.Code(code))
		}
		break
	}
	if got := keyward.GatewayCodes(); len(got) == 0 || !slices.Equal(got, declared) {
		t.Errorf("the list is %v, declared are %v", got, declared)
	}
}

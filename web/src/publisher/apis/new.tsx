import { useNavigate, useSearchParams } from "react-router";

import { objectName, type Nouns } from "../../api/objects";
import { ObjectEditor } from "../../object/editor";
import { useEdited } from "../../object/use-edited";
import { useAddress } from "../../shell/place";
import { texts } from "../../texts";
import { Page } from "../../ui/page";
import { APIForm } from "./form";
import { placeholder } from "./operations-field";
import { Preview } from "./preview";
import { slug } from "./slug";

const empty: Nouns["apis"] = {
  metadata: { name: "" },
  spec: { context: "", version: "v1", state: "draft", upstream: {}, keyManagers: [], operations: [placeholder] },
};

// An API like another one, as its next version. Where that has no number, its author writes it.
function nextOf(api: Nouns["apis"]): Nouns["apis"] {
  const spec: Nouns["apis"]["spec"] = { ...api.spec, state: "draft" };
  delete spec.default; // one version alone is also there without it
  const version = spec.version.replace(/\d+$/, (n) => String(Number(n) + 1));
  if (version === spec.version) return { metadata: { name: "" }, spec: { ...spec, version: "" } };
  const name = objectName(api);
  const old = `-${slug(spec.version)}`;
  const bare = name.endsWith(old) ? name.slice(0, -old.length) : name;
  return { metadata: { name: `${bare}-${slug(version)}` }, spec: { ...spec, version } };
}

/** Makes an API, or the next version of one. It begins as a draft, which no gateway has. */
export function NewAPI() {
  const from = useSearchParams()[0].get("from");
  return from === null ? <Making object={empty} lead={texts.publisher.apis.addLead} /> : <NextVersion of={from} />;
}

function NextVersion({ of }: { of: string }) {
  const stored = useEdited("apis", of);
  return <Making key={of} object={nextOf(stored.object)} title={texts.publisher.apis.newVersionOf(stored.object.spec.title ?? of)} lead={texts.publisher.apis.newVersionLead(of)} />;
}

function Making({ object, title = texts.publisher.apis.add, lead }: { object: Nouns["apis"]; title?: string; lead: string }) {
  const to = useAddress();
  const navigate = useNavigate();
  return (
    <Page
      title={title}
      lead={lead}
      above={[{ to: to("publisher", "apis"), label: texts.publisher.nav.apis }]}
    >
      <ObjectEditor
        noun="apis"
        base={{ object }}
        done={(stored) => void navigate(to("publisher", "apis", objectName(stored)))}
        cancel={() => void navigate(to("publisher", "apis"))}
        form={(draft) => <APIForm draft={draft} isNew />}
        before={(draft, now) => <Preview draft={draft} stored={now} />}
      />
    </Page>
  );
}

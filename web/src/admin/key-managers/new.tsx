import { Alert, Button, Group, List, SimpleGrid, Stack, Text, TextInput, UnstyledButton } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { useLocation, useNavigate } from "react-router";

import type { Schemas } from "../../api/client";
import { discover, typesQuery } from "../../api/key-managers";
import { objectName, type Nouns } from "../../api/objects";
import { ObjectEditor } from "../../object/editor";
import { useKeptDraft } from "../../object/kept-draft";
import { isMembers, valueAt } from "../../object/path";
import { PublicArea } from "../../object/public-area";
import { useTyped } from "../../session/typed";
import { useAddress, useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { Fold } from "../../ui/fold";
import { Icon } from "../../ui/icon";
import { Page, Section } from "../../ui/page";
import { FieldLink, WithFieldLinks } from "../../ui/field-link";
import { ProblemAlert } from "../../ui/problem-alert";
import { VendorSign } from "../../ui/vendor-sign";
import { KeyManagerForm } from "./form";
import classes from "./new.module.css";
import { tried } from "./tried";

const words = texts.admin.newKeyManager;

type Begun = { object: Nouns["key-managers"]; findings: Schemas["Finding"][]; why: string; metadata?: Schemas["KeyManagerStatus"] };

/**
 * Registers a key manager: its address first, then the form that its metadata filled in, checked before it is saved. The form is
 * a step of the browser's history: the way back asks before anything is lost, and the address is still there.
 */
export function NewKeyManager() {
  const to = useAddress();
  const navigate = useNavigate();
  const here = to("admin", "key-managers", "new");
  const kept = useKeptDraft("key-managers");
  const { begun = kept && { object: kept.base.object, findings: [], why: "" } } = (useLocation().state as { begun?: Begun } | null) ?? {};
  return (
    <Page
      title={words.title}
      lead={begun ? words.leadForm : words.lead}
      above={[{ to: to("admin", "key-managers"), label: texts.admin.nav.keyManagers }]}
    >
      <div hidden={begun !== undefined}><Begin shown={begun === undefined} start={(found) => void navigate(here, { state: { begun: found } })} /></div>
      {begun && <Fill begun={begun} back={() => void navigate(here)} />}
    </Page>
  );
}

function Begin({ shown, start }: { shown: boolean; start: (begun: Begun) => void }) {
  const tenant = useTenant();
  const [url, setUrl] = useTyped("address", "");
  const [proxy, setProxy] = useTyped("proxy", "");
  const [ca, setCA] = useTyped("ca", "");
  const types = useQuery(typesQuery(tenant));
  const read = useMutation({
    mutationFn: () => discover(tenant, { url: url.trim(), ...(proxy.trim() && { proxy: proxy.trim() }), ...(ca.trim() && { ca: ca.trim() + "\n" }) }),
    onSuccess: (found) => {
      start({ object: withoutReferences(found.manifest) as Nouns["key-managers"], findings: found.findings ?? [], why: found.why, metadata: found.metadata });
    },
  });
  return (
    <Stack gap="xl">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          read.mutate();
        }}
      >
        <Stack maw={720}>
          <TextInput
            label={words.url}
            description={words.urlHelp}
            placeholder="https://sso.example.com/realms/corp"
            required
            value={url}
            onChange={(event) => { setUrl(event.currentTarget.value); }}
            autoComplete="off"
            spellCheck={false}
            data-autofocus
          />
          <ReachedBy shown={shown} proxy={proxy} setProxy={setProxy} ca={ca} setCA={setCA} />
          {read.error && <ProblemAlert error={read.error} />}
          <Group>
            <Button type="submit" loading={read.isPending}>{words.read}</Button>
            {read.isPending && <Text size="sm" c="dimmed" role="status">{words.reading}</Text>}
          </Group>
        </Stack>
      </form>
      <Section title={words.byHand}>
        <SimpleGrid cols={{ base: 1, xs: 2, md: 3 }} spacing="sm">
          {(types.data ?? []).filter((t) => t.name !== "resident").map((t) => (
            <UnstyledButton
              key={t.name}
              className={classes.tile}
              onClick={() => { start({ object: { metadata: { name: "" }, spec: { type: t.name } }, findings: [], why: "" }); }}
            >
              <VendorSign type={t.name} size={34} />
              <div>
                <Text size="sm" fw={600}>{t.title}</Text>
                <Text size="xs" c="dimmed" className={classes.help}>{beginOf(t.help)}</Text>
              </div>
            </UnstyledButton>
          ))}
        </SimpleGrid>
      </Section>
    </Stack>
  );
}

// What a type is, which its help begins with; the rest is beside the form of one.
const beginOf = (help: string) => help.split(/[:.](?=\s|$)/)[0];

interface WayProps {
  shown: boolean;
  proxy: string;
  setProxy: (url: string) => void;
  ca: string;
  setCA: (pem: string) => void;
}

// What few servers need, so it is folded away until somebody asks for it or has filled it in.
function ReachedBy({ shown, proxy, setProxy, ca, setCA }: WayProps) {
  const place = (path: string) => shown && { "data-path": path }; // else words of the form would lead here
  return (
    <Fold label={words.way} inUse={proxy !== "" || ca !== ""}>
      <TextInput
        {...place("spec.outbound.proxy")}
        label={words.proxy}
        description={words.proxyHelp}
        placeholder="http://proxy.example.com:3128"
        value={proxy}
        onChange={(event) => { setProxy(event.currentTarget.value); }}
        autoComplete="off"
        spellCheck={false}
      />
      <PublicArea
        {...place("spec.outbound.ca")}
        label={words.ca}
        description={words.caHelp}
        placeholder="-----BEGIN CERTIFICATE-----"
        value={ca}
        change={setCA}
        minRows={3}
        maxRows={8}
      />
    </Fold>
  );
}

function Fill({ begun, back }: { begun: Begun; back: () => void }) {
  const to = useAddress();
  const navigate = useNavigate();
  const start = useRef<HTMLDivElement>(null);
  useEffect(() => {
    start.current?.focus({ preventScroll: true }); // the button that led here is out of sight
    window.scrollTo(0, 0); // what the server said of itself is read first
  }, []);
  return (
    <Stack ref={start} tabIndex={-1} className={classes.start}>
      {begun.why && <Text size="sm" c="dimmed">{words.why(begun.object.spec.type, begun.why)}</Text>}
      {begun.findings.length > 0 && <Findings findings={begun.findings} />}
      <ObjectEditor
        noun="key-managers"
        base={{ object: begun.object }}
        done={(stored) => void navigate(to("admin", "key-managers", objectName(stored)))}
        cancel={back}
        form={(draft) => <KeyManagerForm draft={draft} isNew metadata={begun.metadata} />}
        beside={tried}
      />
    </Stack>
  );
}

// What somebody has to do something about comes first, and apart from what is good to know.
function Findings({ findings }: { findings: Schemas["Finding"][] }) {
  const of = (note: boolean) => findings.filter((f) => (f.level === "note") === note);
  return (
    <>
      {of(false).length > 0 && <Alert color="yellow" icon={<Icon name="warn" />} title={words.findings}><FindingList findings={of(false)} /></Alert>}
      {of(true).length > 0 && <Alert color="blue" icon={<Icon name="eye" />} title={words.notes}><FindingList findings={of(true)} /></Alert>}
    </>
  );
}

function FindingList({ findings }: { findings: Schemas["Finding"][] }) {
  return (
    <List size="sm">
      {findings.map((f) => (
        <List.Item key={f.field + f.message} style={{ overflowWrap: "anywhere" }}>
          <FieldLink path={f.field} />{": "}<WithFieldLinks text={f.message} />
        </List.Item>
      ))}
    </List>
  );
}

// Discovery writes {env: NAME} where only a person knows a secret. That is for the command line; a form has an empty field.
function withoutReferences(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutReferences);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, v]) => valueAt(v, ["env"]) === undefined && valueAt(v, ["file"]) === undefined)
      .map(([name, v]) => [name, withoutReferences(v)] as const)
      .filter(([, v]) => !isMembers(v) || Object.keys(v).length > 0), // nothing was in it but references
  );
}

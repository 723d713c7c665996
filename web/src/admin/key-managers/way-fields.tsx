import type { Draft } from "../../object/draft";
import { NumberField, TextAreaField, TextField } from "../../object/fields";
import { SecretField } from "../../object/secret-fields";
import { texts } from "../../texts";
import { Fold } from "../../ui/fold";

const { keyManagerForm: words, newKeyManager: added } = texts.admin;

/** How the servers are reached: through a proxy and as whom, by which authorities, and how much of an answer is read. */
export function WayFields<N extends "key-managers" | "connections">({ draft }: { draft: Draft<N> }) {
  const used = (...member: string[]) =>
    draft.at("spec", "outbound", ...member) !== undefined || draft.fault("spec", "outbound", ...member) !== undefined;
  return (
    <Fold label={words.way} inUse={used()}>
      <TextField draft={draft} path={["spec", "outbound", "proxy"]} help={added.proxyHelp} />
      <TextAreaField draft={draft} path={["spec", "outbound", "ca"]} help={added.caHelp} />
      <TextField draft={draft} path={["spec", "outbound", "timeout"]} help={words.timeoutHelp} />
      <Fold label={words.proxyAccount} inUse={used("proxyUser") || used("proxyPassword")}>
        <TextField draft={draft} path={["spec", "outbound", "proxyUser"]} help={words.proxyUserHelp} />
        <SecretField draft={draft} path={["spec", "outbound", "proxyPassword"]} />
      </Fold>
      <Fold label={words.certificateAndLimit} inUse={used("certificate") || used("key") || used("maxAnswer")}>
        <TextAreaField draft={draft} path={["spec", "outbound", "certificate"]} help={words.certificateHelp} />
        <SecretField draft={draft} lines path={["spec", "outbound", "key"]} help={words.certificateKeyHelp} />
        <NumberField draft={draft} path={["spec", "outbound", "maxAnswer"]} help={words.maxAnswerHelp} />
      </Fold>
    </Fold>
  );
}

import type { Draft } from "../../object/draft";
import { NumberField, TextAreaField, TextField } from "../../object/fields";
import { SecretField } from "../../object/secret-fields";
import { texts } from "../../texts";
import { Fold } from "../../ui/fold";

const words = texts.admin.keyManagerForm;

const way = ["spec", "outbound"];

/** How the servers are reached: through a proxy and as whom, by which authorities, and how much of an answer is read. */
export function WayFields<N extends "key-managers" | "connections">({ draft }: { draft: Draft<N> }) {
  const used = (...members: string[]) => members.some((m) => draft.at(...way, m) !== undefined || draft.fault(...way, m) !== undefined);
  return (
    <Fold label={words.way} inUse={draft.at(...way) !== undefined || draft.fault(...way) !== undefined}>
      <TextField draft={draft} path={[...way, "proxy"]} label={texts.admin.newKeyManager.proxy} help={texts.admin.newKeyManager.proxyHelp} />
      <TextAreaField draft={draft} path={[...way, "ca"]} label={texts.admin.newKeyManager.ca} help={texts.admin.newKeyManager.caHelp} />
      <TextField draft={draft} path={[...way, "timeout"]} label={words.timeout} help={words.timeoutHelp} />
      <Fold label={words.proxyAccount} inUse={used("proxyUser", "proxyPassword")}>
        <TextField draft={draft} path={[...way, "proxyUser"]} label={words.proxyUser} help={words.proxyUserHelp} />
        <SecretField draft={draft} path={[...way, "proxyPassword"]} label={words.proxyPassword} />
      </Fold>
      <Fold label={words.certificateAndLimit} inUse={used("certificate", "key", "maxAnswer")}>
        <TextAreaField draft={draft} path={[...way, "certificate"]} label={words.certificate} help={words.certificateHelp} />
        <SecretField draft={draft} lines path={[...way, "key"]} label={words.certificateKey} help={words.certificateKeyHelp} />
        <NumberField draft={draft} path={[...way, "maxAnswer"]} label={words.maxAnswer} help={words.maxAnswerHelp} />
      </Fold>
    </Fold>
  );
}

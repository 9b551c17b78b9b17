import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { runTool } from './program.ts';

/** One line of a scrape. */
export interface Sample {
  readonly name: string;
  /** As scraped, without braces. */
  readonly labels: string;
  readonly value: number;
}

/** Reads the samples out of a scrape in Prometheus' text form. */
export function parseSamples(text: string): readonly Sample[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name, labels = '', value] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      if (name === undefined) throw new Error(`expected a sample of a scrape; found ${line}`);
      return { name, labels, value: Number(value) };
    });
}

/** An alert as it fires. */
export interface FiringAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** What an alert is expected to do on some series. */
export interface AlertCase {
  readonly alert: string;
  /** The time of the first value. */
  readonly start: Date;
  /** PromQL's series and promtool's notation of their values, a minute apart. */
  readonly series: readonly { readonly series: string; readonly values: string }[];
  /** By the minute; no alert fires: an empty list. */
  readonly firing: readonly { readonly minute: number; readonly alerts: readonly FiringAlert[] }[];
}

/** Lets `promtool test rules` judge a case by a file of rules. */
export async function testAlert(folder: string, rules: string, test: AlertCase): ReturnType<typeof runTool> {
  const path = join(folder, `${test.alert}.test.yaml`);
  await writeFile(
    path,
    stringify({
      rule_files: [rules],
      evaluation_interval: '1m',
      tests: [
        {
          name: test.alert,
          interval: '1m',
          start_timestamp: Math.floor(test.start.getTime() / 1_000),
          input_series: test.series,
          alert_rule_test: test.firing.map(({ minute, alerts }) => ({
            eval_time: `${minute}m`,
            alertname: test.alert,
            exp_alerts: alerts.map(({ labels, annotations }) => ({ exp_labels: labels, exp_annotations: annotations })),
          })),
        },
      ],
    }),
  );
  return runTool('promtool', ['test', 'rules', path]);
}

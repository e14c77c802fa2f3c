import { mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import * as conventions from '@opentelemetry/semantic-conventions/incubating';
import { type ResourceEnvironment, readResourceEnvironment } from '../../../src/config/resource-environment';
import { detectResource } from '../../../src/telemetry/resource/detect-resource';
import { VERSION } from '../../../src/util/version';
import { rootWith } from './roots';

const CONFIG = { serviceName: 'orders', serviceVersion: '2.4.0', environment: 'production', resourceAttributes: {} };

/** A pod in a pipeline: everything at once. */
const ENV: ResourceEnvironment = {
  KUBERNETES_SERVICE_HOST: '10.0.0.1',
  POD_NAME: 'orders-7d9f-abcde',
  POD_UID: '72f9a42e-50d3-47ee-8ec7-0bccfb6ea7ae',
  POD_NAMESPACE: 'shop',
  NODE_NAME: 'node-3',
  CONTAINER_NAME: 'app',
  K8S_CLUSTER_NAME: 'prod',
  K8S_DEPLOYMENT_NAME: 'orders',
  GITHUB_ACTIONS: 'true',
  GITHUB_REPOSITORY: 'acme/orders',
  GITHUB_WORKFLOW: 'CI',
  GITHUB_RUN_ID: '77',
  GITHUB_JOB: 'test',
  GITHUB_SHA: 'ffac537e6cbbf934b08745a378932722df287a53',
  GITHUB_REF_NAME: 'main',
  RUNNER_NAME: 'runner-1',
};
const CONTAINER = 'dc64b5743252dbaef6e30521c34d6bbd1620c8ce65bdb7bf9e7143b61bb5b183';
const FILES = {
  'etc/machine-id': '3d1219c7c4c5404aaa1f6d2a48adfda4\n',
  'etc/os-release': 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nID=debian\n',
  'proc/self/cgroup': `0::/system.slice/docker-${CONTAINER}.scope\n`,
  'var/run/secrets/kubernetes.io/serviceaccount/namespace': 'of-account',
};

function attributes(
  config: Partial<typeof CONFIG> = {},
  env: ResourceEnvironment = {},
  files: Record<string, string> = {},
) {
  return detectResource({ ...CONFIG, ...config }, env, rootWith(files)).attributes;
}

test('service, host, system, process and SDK are always there', () => {
  const found = attributes({}, {}, FILES);
  expect(found).toMatchObject({
    'service.name': 'orders',
    'service.version': '2.4.0',
    'service.instance.id': expect.stringMatching(
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    ),
    'deployment.environment': 'production',
    'deployment.environment.name': 'production',
    'telemetry.sdk.name': 'opentelemetry',
    'telemetry.sdk.language': 'nodejs',
    'telemetry.sdk.version': expect.stringMatching(/^\d+\.\d+/),
    'telemetry.distro.name': 'spanwright',
    'telemetry.distro.version': VERSION,
    'host.name': hostname(),
    'host.arch': process.arch === 'x64' ? 'amd64' : process.arch,
    'host.id': '3d1219c7c4c5404aaa1f6d2a48adfda4',
    'os.type': process.platform,
    'os.name': 'Debian GNU/Linux',
    'os.version': expect.any(String),
    'process.pid': process.pid,
    'process.executable.name': 'node',
    'process.executable.path': process.execPath,
    'process.runtime.name': 'nodejs',
    'process.runtime.version': process.versions.node,
    'process.runtime.description': 'Node.js',
    'container.id': CONTAINER,
    'k8s.namespace.name': 'of-account',
  });
});

test.each([
  ['x64', 'amd64'],
  ['ia32', 'x86'],
  ['arm', 'arm32'],
  ['arm64', 'arm64'],
])('a processor that Node calls %s is %s', (node, convention) => {
  const before = Object.getOwnPropertyDescriptor(process, 'arch') as PropertyDescriptor;
  Object.defineProperty(process, 'arch', { ...before, value: node });
  try {
    expect(attributes()['host.arch']).toBe(convention);
  } finally {
    Object.defineProperty(process, 'arch', before);
  }
});

test('a process keeps its instance id, and another one has another', () => {
  const first = attributes()['service.instance.id'];
  expect(attributes()['service.instance.id']).toBe(first);
  let another: unknown;
  jest.isolateModules(() => {
    const again =
      require('../../../src/telemetry/resource/detect-resource') as typeof import('../../../src/telemetry/resource/detect-resource');
    another = again.detectResource(CONFIG, {}, rootWith({})).attributes['service.instance.id'];
  });
  expect(another).not.toBe(first);
});

test('what cannot be found out is left out, and everything is there at once', () => {
  const resource = detectResource(CONFIG, {}, rootWith({}));
  expect(resource.asyncAttributesPending).toBe(false);
  const keys = Object.keys(resource.attributes);
  expect(
    keys.filter((key) => /^(container|k8s|cicd|vcs)\./.test(key) || key === 'host.id' || key === 'os.name'),
  ).toEqual([]);
  expect(Object.values(resource.attributes).filter((value) => value === undefined || value === '')).toEqual([]);
});

test('every name is one of the semantic conventions', () => {
  const known = new Set<unknown>(Object.values(conventions));
  const found = Object.keys(
    attributes({}, { ...ENV, GITHUB_REF: 'refs/pull/3/merge', GITHUB_BASE_REF: 'main' }, FILES),
  );
  const gitLab: ResourceEnvironment = {
    GITLAB_CI: 'true',
    CI_JOB_ID: '1',
    CI_JOB_URL: 'https://gitlab.com/a/b/-/jobs/1',
    CI_RUNNER_ID: '3',
  };
  found.push(...Object.keys(attributes({}, gitLab)));
  expect(found.filter((key) => !known.has(key))).toEqual([]);
  expect(found.filter((key) => key.startsWith('k8s.'))).toHaveLength(7);
  expect(new Set(found.filter((key) => /^(vcs|cicd)\./.test(key)))).toHaveProperty('size', 16);
});

describe('precedence', () => {
  test('resource attributes win over what is detected', () => {
    const found = attributes(
      { resourceAttributes: { 'host.name': 'shop-1', 'k8s.pod.name': 'mine', 'cluster.name': 'prod' } },
      ENV,
      FILES,
    );
    expect(found).toMatchObject({
      'host.name': 'shop-1',
      'k8s.pod.name': 'mine',
      'cluster.name': 'prod',
      'k8s.node.name': 'node-3',
    });
  });

  test('what a user says of the service as attributes counts, also what the config has no field for', () => {
    const found = attributes({
      resourceAttributes: {
        'service.version': '3.0.0',
        'service.namespace': 'shop',
        'service.instance.id': 'orders-1',
      },
    });
    expect(found).toMatchObject({
      'service.name': 'orders',
      'service.version': '3.0.0',
      'service.namespace': 'shop',
      'service.instance.id': 'orders-1',
    });
  });

  test('the two names of the environment never disagree', () => {
    for (const name of ['deployment.environment', 'deployment.environment.name']) {
      const found = attributes({ resourceAttributes: { [name]: 'staging' } });
      expect([found['deployment.environment'], found['deployment.environment.name']]).toEqual(['staging', 'staging']);
    }
  });

  test('who is telling is not for others to say', () => {
    const found = attributes({ resourceAttributes: { 'telemetry.sdk.name': 'mine', 'telemetry.distro.name': 'mine' } });
    expect(found).toMatchObject({ 'telemetry.sdk.name': 'opentelemetry', 'telemetry.distro.name': 'spanwright' });
  });
});

describe('Kubernetes', () => {
  const k8s = (env: ResourceEnvironment, files = {}) =>
    Object.fromEntries(Object.entries(attributes({}, env, files)).filter(([key]) => key.startsWith('k8s.')));

  test('the downward API, and its namespace before that of the account', () => {
    expect(k8s(ENV, FILES)).toEqual({
      'k8s.cluster.name': 'prod',
      'k8s.namespace.name': 'shop',
      'k8s.node.name': 'node-3',
      'k8s.pod.name': 'orders-7d9f-abcde',
      'k8s.pod.uid': '72f9a42e-50d3-47ee-8ec7-0bccfb6ea7ae',
      'k8s.container.name': 'app',
      'k8s.deployment.name': 'orders',
    });
  });

  test('names that begin with K8S_ go before those that do not', () => {
    const env: ResourceEnvironment = {
      ...ENV,
      K8S_POD_NAME: 'p',
      K8S_POD_UID: 'u',
      K8S_NAMESPACE_NAME: 'ns',
      K8S_NODE_NAME: 'n',
      K8S_CONTAINER_NAME: 'c',
    };
    expect(k8s(env)).toMatchObject({
      'k8s.pod.name': 'p',
      'k8s.pod.uid': 'u',
      'k8s.namespace.name': 'ns',
      'k8s.node.name': 'n',
      'k8s.container.name': 'c',
    });
    expect(k8s({ K8S_POD_NAMESPACE: 'a' })).toEqual({ 'k8s.namespace.name': 'a' });
    expect(k8s({ K8S_NAMESPACE: 'a' })).toEqual({ 'k8s.namespace.name': 'a' });
  });

  test('names that others use as well say nothing outside a pod, nor in a job of Jenkins', () => {
    expect(k8s({ NODE_NAME: 'node-3', CONTAINER_NAME: 'app' })).toEqual({});
    expect(k8s({ ...ENV, JENKINS_URL: 'https://ci.acme.test/' })).not.toHaveProperty(['k8s.node.name']);
    expect(k8s({ NODE_NAME: 'node-3' }, FILES)).toMatchObject({ 'k8s.node.name': 'node-3' });
  });
});

test('of the command, only the name of its script is told', () => {
  const before = process.argv;
  process.argv = [process.execPath, '/home/secret-folder/job.cjs', 'serve', '--password', 'hunter22'];
  try {
    const found = attributes();
    expect(found['process.command']).toBe('job.cjs');
    expect(JSON.stringify(found)).not.toMatch(/hunter22|--password|secret-folder/);
    process.argv = [process.execPath];
    expect(attributes()).not.toHaveProperty(['process.command']);
  } finally {
    process.argv = before;
  }
});

describe('faults', () => {
  test('files that are folders are as good as none', () => {
    const root = rootWith({});
    for (const path of Object.keys(FILES)) mkdirSync(join(root, path), { recursive: true });
    expect(detectResource(CONFIG, {}, root).attributes).toMatchObject({
      'service.name': 'orders',
      'host.name': hostname(),
    });
  });

  test('a detector that fails costs its own attributes only', () => {
    const broken = new Proxy(ENV, {
      get: (env, name) => {
        if (name === 'GITHUB_RUN_ID') throw new Error('no');
        return env[name as keyof ResourceEnvironment];
      },
    });
    const found = attributes({}, broken, FILES);
    expect(Object.keys(found).filter((key) => key.startsWith('cicd.'))).toEqual([]);
    expect(found).toMatchObject({
      'service.name': 'orders',
      'k8s.pod.name': 'orders-7d9f-abcde',
      'container.id': CONTAINER,
    });
  });
});

describe('the environment', () => {
  test('is read to a plain object of what is set', () => {
    expect(
      readResourceEnvironment({ POD_NAME: ' web-1 ', NODE_NAME: '', CI_JOB_TOKEN: 'secret', HOME: '/root' }),
    ).toEqual({ POD_NAME: 'web-1' });
  });

  test('is that of the process where nothing else is said', () => {
    const before = process.env.POD_NAME;
    process.env.POD_NAME = 'web-2';
    try {
      expect(readResourceEnvironment().POD_NAME).toBe('web-2');
    } finally {
      if (before === undefined) delete process.env.POD_NAME;
      else process.env.POD_NAME = before;
    }
  });
});

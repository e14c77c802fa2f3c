import { randomUUID } from 'node:crypto';
import { type Attributes, diag } from '@opentelemetry/api';
import { SDK_INFO } from '@opentelemetry/core';
import { type Resource, resourceFromAttributes } from '@opentelemetry/resources';
import type { ResourceEnvironment } from '../../config/resource-environment';
import type { TelemetryConfig } from '../../config/telemetry-config';
import { VERSION } from '../../util/version';
import { findContainerId } from './container-id';
import { detectKubernetes } from './detect-kubernetes';
import { detectHost, detectOperatingSystem, detectProcess } from './detect-machine';
import { detectPipeline } from './detect-pipeline';

/** The same for all that one process sends, and for nothing else. */
const INSTANCE_ID = randomUUID();

/**
 * Finds out what all telemetry of this process is said of: the service, and the machine, container, pod and pipeline that it runs in.
 *
 * Lowest first: what is detected, the config's service and environment, the config's resource attributes, what is telling
 * (`telemetry.*`). What cannot be found out is left out; it never throws, and it waits for nothing but a few small files.
 *
 * @param root where the file system begins that is looked at
 */
export function detectResource(
  config: Pick<TelemetryConfig, 'serviceName' | 'serviceVersion' | 'environment' | 'resourceAttributes'>,
  env: ResourceEnvironment,
  root = '/',
): Resource {
  const { resourceAttributes: given } = config;
  const environment = given['deployment.environment.name'] ?? given['deployment.environment'] ?? config.environment;
  return resourceFromAttributes({
    ...detected(
      () => detectHost(root),
      () => detectOperatingSystem(root),
      () => detectProcess(),
      () => ({ 'container.id': findContainerId(root) }),
      () => detectKubernetes(env, root),
      () => detectPipeline(env),
    ),
    'service.name': config.serviceName,
    'service.version': config.serviceVersion,
    'service.instance.id': INSTANCE_ID,
    'deployment.environment': environment,
    'deployment.environment.name': environment,
    ...given,
    // One by one: it also has a `process.runtime.name`, which is not the convention's.
    'telemetry.sdk.name': SDK_INFO['telemetry.sdk.name'],
    'telemetry.sdk.language': SDK_INFO['telemetry.sdk.language'],
    'telemetry.sdk.version': SDK_INFO['telemetry.sdk.version'],
    'telemetry.distro.name': 'spanwright',
    'telemetry.distro.version': VERSION,
  });
}

/** Puts together what each detector finds. One that fails costs its own attributes. */
function detected(...detectors: readonly (() => Attributes)[]): Attributes {
  const found: Attributes = {};
  for (const detect of detectors) {
    try {
      Object.assign(found, detect());
    } catch (error) {
      diag.debug('A part of the resource could not be detected', error);
    }
  }
  return found;
}

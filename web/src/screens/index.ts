// Every screen: its address, where it stands in the navigation, what it needs, and how it is fetched when first wanted.
import Archive from "@lucide/svelte/icons/archive"
import Gauge from "@lucide/svelte/icons/activity"
import Boxes from "@lucide/svelte/icons/boxes"
import Files from "@lucide/svelte/icons/files"
import House from "@lucide/svelte/icons/house"
import Mic from "@lucide/svelte/icons/mic"
import Settings from "@lucide/svelte/icons/settings"
import Users from "@lucide/svelte/icons/users-round"
import type { Component } from "svelte"

import type { Messages } from "../i18n/en"
import type { Params } from "../state/router.svelte"

type Icon = Component<{ size?: number; class?: string }>
export type Screen = Component<{ params: Params }>

export interface Place {
  path: string
  load: () => Promise<{ default: Screen }>
  /** The scope that its calls need. */
  needs?: string
  /** In the navigation. */
  nav?: { name: keyof Messages["nav"]; icon: Icon }
  /** The place it is a part of: the screen stays while one goes about in it, and looks at the address itself. */
  of?: string
  /** Without the frame around it. */
  bare?: boolean
}

const settings: Place["load"] = () => import("./settings/Settings.svelte")

export const PLACES: Place[] = [
  { path: "/", load: () => import("./home/Home.svelte"), nav: { name: "home", icon: House } },
  { path: "/record", load: () => import("./record/Record.svelte"), needs: "transcribe", nav: { name: "record", icon: Mic } },
  { path: "/files", load: () => import("./files/Files.svelte"), needs: "transcribe", nav: { name: "files", icon: Files } },
  { path: "/archive", load: () => import("./archive/Archive.svelte"), needs: "archive:read", nav: { name: "archive", icon: Archive } },
  { path: "/t/:id", load: () => import("./transcript/Transcript.svelte"), needs: "archive:read" },
  { path: "/captions/:id", load: () => import("./captions/Captions.svelte"), bare: true },
  { path: "/speakers", load: () => import("./speakers/Speakers.svelte"), needs: "people:read", nav: { name: "speakers", icon: Users } },
  { path: "/models", load: () => import("./models/Models.svelte"), needs: "transcribe", nav: { name: "models", icon: Boxes } },
  { path: "/system", load: () => import("./system/System.svelte"), needs: "metrics", nav: { name: "system", icon: Gauge } },
  { path: "/settings", load: settings, of: "/settings", nav: { name: "settings", icon: Settings } },
  { path: "/settings/:page", load: settings, of: "/settings" },
]

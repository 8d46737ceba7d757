// Entry module of the live view without the recording controls.
import { liveViewOf } from "./live_view.js";

export default { render: ({ model, el }) => liveViewOf(model, el).close };

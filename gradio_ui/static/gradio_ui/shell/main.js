// Runs before Gradio's own modules, which are later in the page.
import "./requests.js";
import "./bar.js";
import "./dialogs.js";
import "./drafts.js";
import "./renewal.js";
import "./changes.js";
import { live } from "./live.js";

live.start();

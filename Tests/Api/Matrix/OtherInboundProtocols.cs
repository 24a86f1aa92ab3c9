using System.Text.Json;
using System.Text.Json.Nodes;

namespace AiChat.Tests.Api.Matrix;

internal sealed class ResponsesInbound : InboundProtocol
{
    public override string Path => "/v1/responses";

    public override string Kind => "openai_responses";

    public override (string Stop, string Calls, string Length, string Filter) Words =>
        ("completed", "completed", "max_output_tokens", "content_filter");

    public override JsonObject Ask(string model, Wish wish)
    {
        var body = Node(new { model, stream = wish.Stream, max_output_tokens = 99, store = false });
        if (wish.System is not null)
        {
            body["instructions"] = wish.System;
        }

        var image = wish.Image is null ? null : Node(new { type = "input_image", image_url = "data:image/png;base64," + wish.Image });
        if (image is not null && wish.Detail is not null)
        {
            image["detail"] = wish.Detail;
        }

        object output = wish.ResultImage is null ? "12 degrees" : List(
            new { type = "input_text", text = "12 degrees" },
            new { type = "input_image", image_url = "data:image/png;base64," + wish.ResultImage });
        body["input"] = List(
            new
            {
                role = "user",
                content = List(
                    new { type = "input_text", text = Question(wish) },
                    image,
                    wish.Document is null ? null
                        : new { type = "input_file", filename = "a.pdf", file_data = Pdf(wish) }),
            },
            wish.Called is null ? null : new { type = "function_call", call_id = "call_7", name = "get_weather", arguments = wish.Called },
            wish.Called is null ? null : new { type = "function_call_output", call_id = wish.ResultOf, output });
        if (wish.Tools)
        {
            body["tools"] = List(
                new { type = "function", name = "get_weather", description = "d", parameters = Wish.Schema, strict = wish.Strict });
        }

        if (wish.Choice is not null)
        {
            body["tool_choice"] = wish.Choice == "required" ? "required" : Node(new { type = "function", name = wish.Choice });
        }

        if (wish.Parallel is { } parallel)
        {
            body["parallel_tool_calls"] = parallel;
        }

        if (wish.Form)
        {
            body["text"] = Node(new { format = new { type = "json_schema", name = "place", strict = true, schema = Wish.Schema } });
        }

        if (wish.Effort is not null)
        {
            body["reasoning"] = Node(new { effort = wish.Effort });
        }

        if (wish.Temperature is { } temperature)
        {
            body["temperature"] = temperature;
        }

        return body;
    }

    public override Seen Read(IReadOnlyList<JsonElement> frames)
    {
        var last = frames[^1];
        var seen = ReadWhole(Find(last, "response"));
        seen.Error = Text(last, "response", "error", "message") is { Length: > 0 } error ? error
            : Text(last, "type") == "error" ? Text(last, "message") + Text(last, "error", "message") : null;
        var (text, thinking) = ("", "");
        foreach (var frame in frames)
        {
            text += Text(frame, "type") == "response.output_text.delta" ? Text(frame, "delta") : "";
            thinking += Text(frame, "type") == "response.reasoning_summary_text.delta" ? Text(frame, "delta") : "";
        }

        if (seen.Error is null)
        {
            Assert.Equal((seen.Text, seen.Thinking), (text, thinking)); // the pieces and the whole say the same
        }

        seen.Text = text;
        return seen;
    }

    public override Seen ReadWhole(JsonElement answer)
    {
        var seen = new Seen
        {
            Finish = Text(answer, "status") is "incomplete" ? Text(answer, "incomplete_details", "reason") : Text(answer, "status"),
            Prompt = Number(answer, "usage", "input_tokens"),
            Completion = Number(answer, "usage", "output_tokens"),
            Error = Text(answer, "error", "message"),
        };
        foreach (var item in Items(answer, "output"))
        {
            seen.Text += Text(item, "content", 0, "text");
            seen.Refusal += Text(item, "content", 0, "refusal");
            seen.Thinking += Text(item, "summary", 0, "text");
            if (Text(item, "type") == "function_call")
            {
                Assert.Equal("get_weather", Text(item, "name"));
                seen.Calls.Add(Text(item, "arguments"));
            }
        }

        return seen;
    }
}

internal sealed class MessagesInbound : InboundProtocol
{
    public override string Path => "/v1/messages";

    public override string Kind => "anthropic";

    public override (string Stop, string Calls, string Length, string Filter) Words => ("end_turn", "tool_use", "max_tokens", "refusal");

    public override JsonObject Ask(string model, Wish wish)
    {
        var body = Node(new { model, stream = wish.Stream, max_tokens = 99 });
        if (wish.System is not null)
        {
            body["system"] = List(new { type = "text", text = wish.System, cache_control = new { type = "ephemeral" } });
        }

        object content = wish.ResultImage is null
            ? "12 degrees"
            : List(new { type = "text", text = "12 degrees" }, Image(wish.ResultImage));
        body["messages"] = List(
            new
            {
                role = "user",
                content = List(
                    wish.Image is null ? null : Image(wish.Image),
                    wish.Document is null ? null
                        : new { type = "document", source = Source("application/pdf", wish.Document) },
                    new { type = "text", text = Question(wish) }),
            },
            wish.Called is null ? null : new
            {
                role = "assistant",
                content = List(new { type = "tool_use", id = "call_7", name = "get_weather", input = JsonNode.Parse(wish.Called) }),
            },
            wish.Called is null ? null : new
            {
                role = "user",
                content = List(new { type = "tool_result", tool_use_id = wish.ResultOf, content, is_error = wish.Failed }),
            });
        if (wish.Tools)
        {
            var tool = Node(new { name = "get_weather", description = "d", input_schema = Wish.Schema });
            if (wish.Strict)
            {
                tool["strict"] = true;
            }

            body["tools"] = List(tool);
        }

        if (wish.Choice is not null || wish.Parallel is not null)
        {
            var choice = wish.Choice switch
            {
                null => Node(new { type = "auto" }),
                "required" => Node(new { type = "any" }),
                var name => Node(new { type = "tool", name }),
            };
            if (wish.Parallel is { } parallel)
            {
                choice["disable_parallel_tool_use"] = !parallel;
            }

            body["tool_choice"] = choice;
        }

        if (wish.Stop is not null)
        {
            body["stop_sequences"] = List(wish.Stop);
        }

        var output = new JsonObject();
        if (wish.Form)
        {
            output["format"] = Node(new { type = "json_schema", schema = Wish.Schema });
        }

        if (wish.Effort is "none")
        {
            body["thinking"] = Node(new { type = "disabled" });
        }
        else if (wish.Effort is not null)
        {
            output["effort"] = wish.Effort;
        }

        if (output.Count > 0)
        {
            body["output_config"] = output;
        }

        if (wish.Temperature is { } temperature)
        {
            body["temperature"] = temperature;
        }

        return body;
    }

    public override Seen Read(IReadOnlyList<JsonElement> frames)
    {
        var seen = new Seen();
        int? open = null;
        foreach (var frame in frames)
        {
            switch (Text(frame, "type"))
            {
                case "message_start":
                    seen.PromptAhead = Number(frame, "message", "usage", "input_tokens");
                    break;
                case "content_block_start":
                    Assert.Null(open); // one block at a time
                    open = (int)Number(frame, "index");
                    if (Text(frame, "content_block", "type") == "tool_use")
                    {
                        Assert.Equal("get_weather", Text(frame, "content_block", "name"));
                        seen.Calls.Add("");
                    }

                    break;
                case "content_block_delta":
                    Assert.Equal(open, (int)Number(frame, "index"));
                    seen.Text += Text(frame, "delta", "text");
                    seen.Thinking += Text(frame, "delta", "thinking");
                    if (Text(frame, "delta", "type") == "input_json_delta")
                    {
                        seen.Calls[^1] += Text(frame, "delta", "partial_json");
                    }

                    break;
                case "content_block_stop":
                    Assert.Equal(open, (int)Number(frame, "index"));
                    open = null;
                    break;
                case "message_delta":
                    seen.Finish = Text(frame, "delta", "stop_reason");
                    seen.StopWord = Text(frame, "delta", "stop_sequence") is { Length: > 0 } word ? word : null;
                    seen.Prompt = Math.Max(Number(frame, "usage", "input_tokens"), seen.PromptAhead ?? 0);
                    seen.Completion = Number(frame, "usage", "output_tokens");
                    break;
                case "error":
                    seen.Error = Text(frame, "error", "message");
                    break;
            }
        }

        return seen;
    }

    public override Seen ReadWhole(JsonElement answer)
    {
        var seen = new Seen
        {
            Text = string.Concat(Items(answer, "content").Select(block => Text(block, "text"))),
            Finish = Text(answer, "stop_reason"),
            StopWord = Text(answer, "stop_sequence") is { Length: > 0 } word ? word : null,
            Prompt = Number(answer, "usage", "input_tokens"),
            Completion = Number(answer, "usage", "output_tokens"),
            Error = Text(answer, "error", "message"),
        };
        seen.Calls.AddRange(
            Items(answer, "content").Where(block => Text(block, "type") == "tool_use").Select(block => Find(block, "input").GetRawText()));
        return seen;
    }

    private static object Image(string data) => new { type = "image", source = Source("image/png", data) };

    private static object Source(string type, string data) => new { type = "base64", media_type = type, data };
}

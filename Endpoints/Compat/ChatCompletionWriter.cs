using System.Text;
using System.Text.Json;
using AiChat.Endpoints.Http;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Compat;

/// <summary>The chunks of a chat completion, or the whole completion.</summary>
internal sealed class ChatCompletionWriter(string model, long created, bool stream, bool includeUsage) : AnswerWriter
{
    private readonly string _id = NewId("chatcmpl-");
    private readonly CompletionFrames _frames = new();
    private readonly List<(CompatToolCall Call, string Arguments, bool First)> _calls = [];
    private readonly StringBuilder _rest = new();
    private bool _said;

    public override void Begin()
    {
        if (!RelaysFrames)
        {
            Chunk(json =>
            {
                json.WriteString("role", "assistant");
                json.WriteString("content", "");
            });
        }
    }

    public override void End()
    {
        WriteCallsOfFrame();
        if (!_frames.HasEnd)
        {
            Chunk(_ => { }, Finish());
        }

        if (includeUsage && !_frames.HasUsage)
        {
            Frame(null, json =>
            {
                Head(json, "chat.completion.chunk");
                json.WriteStartArray("choices");
                json.WriteEndArray();
                Usage(json);
            });
        }

        Raw("data: [DONE]\n\n"u8);
    }

    public override void Fail(Problem problem, string requestId) =>
        Frame(null, json => VendorErrors.Write(json, "/v1/chat/completions", problem, requestId));

    public override void WriteWhole(Utf8JsonWriter json)
    {
        Head(json, "chat.completion");
        if (RelaysFrames)
        {
            _frames.WriteWhole(json, _frames.KeepsCalls ? null : WriteCalls, Finish());
            if (!_frames.HasUsage)
            {
                Usage(json);
            }

            return;
        }

        json.WriteStartArray("choices");
        json.WriteStartObject();
        json.WriteNumber("index", 0);
        json.WriteStartObject("message");
        json.WriteString("role", "assistant");
        if (Answer.Text.Length == 0 && (Answer.Calls.Count > 0 || Answer.Refusal.Length > 0))
        {
            json.WriteNull("content");
        }
        else
        {
            json.WriteString("content", Answer.Text.ToString());
        }

        if (Answer.Reasoning.Length > 0)
        {
            json.WriteString("reasoning_content", Answer.Reasoning.ToString());
        }

        json.WriteString("refusal", Answer.Refusal.Length == 0 ? null : Answer.Refusal.ToString());
        Images(json, Answer.Images);
        Annotations(json, Answer.Sources);
        WriteCalls(json);
        json.WriteEndObject();
        json.WriteNull("logprobs");
        json.WriteString("finish_reason", Finish());
        StopWord(json);
        json.WriteEndObject();
        json.WriteEndArray();
        Usage(json);
    }

    protected override void OnText(string text)
    {
        if (!RelaysFrames)
        {
            Chunk(json => json.WriteString("content", text));
        }
        else
        {
            _rest.Append(text);
        }
    }

    protected override void OnReasoning(string text)
    {
        if (!RelaysFrames)
        {
            Chunk(json => json.WriteString("reasoning_content", text));
        }
    }

    protected override void OnRefusal(string text)
    {
        if (!RelaysFrames)
        {
            Chunk(json => json.WriteString("refusal", text));
        }
    }

    protected override void OnImage(ChatDelta.Image image)
    {
        if (!RelaysFrames)
        {
            Chunk(json => Images(json, [image]));
        }
    }

    protected override void OnSources(IReadOnlyList<ChatSource> pages)
    {
        if (!RelaysFrames)
        {
            Chunk(json => Annotations(json, pages));
        }
    }

    // The member that OpenRouter and others have for pictures; OpenAI's own API has none.
    private static void Images(Utf8JsonWriter json, List<ChatDelta.Image> images)
    {
        if (images.Count > 0)
        {
            json.WriteStartArray("images");
            foreach (var image in images)
            {
                json.WriteStartObject();
                json.WriteString("type", "image_url");
                json.WriteStartObject("image_url");
                json.WritePropertyName("url");
                Base64(json, $"data:{(image.MimeType.Length > 0 ? image.MimeType : "image/png")};base64,", image);
                json.WriteEndObject();
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }
    }

    private static void Annotations(Utf8JsonWriter json, IReadOnlyList<ChatSource> pages)
    {
        if (pages.Count > 0)
        {
            json.WriteStartArray("annotations");
            foreach (var page in pages)
            {
                json.WriteStartObject();
                json.WriteString("type", "url_citation");
                json.WriteStartObject("url_citation");
                json.WriteNumber("start_index", 0);
                json.WriteNumber("end_index", 0);
                json.WriteString("url", page.Url);
                json.WriteString("title", page.Title);
                json.WriteEndObject();
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }
    }

    protected override void OnFrame(JsonElement frame)
    {
        _frames.ReadHead(frame);
        _frames.ReadCalls(frame, stream);
        if (!stream)
        {
            _frames.Merge(frame);
            return;
        }

        WriteCallsOfFrame();
        if (includeUsage || !CompletionFrames.IsUsage(frame))
        {
            // A message after the pieces of it says them again, so what goes on of it is only what is new.
            var rest = _said ? _rest.ToString() : null;
            Frame(null, json =>
            {
                Head(json, "chat.completion.chunk");
                _frames.WriteChunk(json, frame, includeUsage, Answer.Calls.Count > 0, rest);
            });
        }

        _said |= _rest.Length > 0 || Answer.Calls.Count > 0;
        _rest.Clear();
    }

    protected override void OnCall(CompatToolCall call, string arguments, bool first)
    {
        if (RelaysFrames)
        {
            _calls.Add((call, arguments, first));
        }
        else
        {
            WriteCall(call, arguments, first);
        }
    }

    /// <summary>Writes the calls that were read from a frame, where the frame itself cannot go on with them.</summary>
    private void WriteCallsOfFrame()
    {
        foreach (var (call, arguments, first) in _frames.KeepsCalls || !stream ? [] : _calls)
        {
            if (_frames.Relayed(call.Place) is not { } relayed)
            {
                WriteCall(call, arguments, first);
            }
            else if (relayed.Rest(call.Arguments.ToString()) is { Length: > 0 } rest)
            {
                relayed.Take(rest);
                WriteCall(call, rest, first: false, relayed.Index);
            }
        }

        _calls.Clear();
    }

    private void WriteCall(CompatToolCall call, string arguments, bool first, int? index = null) => Chunk(json =>
    {
        json.WriteStartArray("tool_calls");
        json.WriteStartObject();
        json.WriteNumber("index", index ?? call.Place);
        if (first)
        {
            json.WriteString("id", call.Id);
            json.WriteString("type", "function");
        }

        json.WriteStartObject("function");
        if (first)
        {
            json.WriteString("name", call.Name);
        }

        json.WriteString("arguments", arguments);
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndArray();
    });

    private void Chunk(Action<Utf8JsonWriter> delta, string? finish = null) => Frame(null, json =>
    {
        Head(json, "chat.completion.chunk");
        json.WriteStartArray("choices");
        json.WriteStartObject();
        json.WriteNumber("index", 0);
        json.WriteStartObject("delta");
        delta(json);
        json.WriteEndObject();
        json.WriteString("finish_reason", finish);
        if (finish is not null)
        {
            StopWord(json);
        }

        json.WriteEndObject();
        json.WriteEndArray();
    });

    // vLLM's member for the stop word that ended the answer.
    private void StopWord(Utf8JsonWriter json)
    {
        if (Answer.StopWord is { } word)
        {
            json.WriteString("stop_reason", word);
        }
    }

    private void Head(Utf8JsonWriter json, string kind)
    {
        json.WriteString("id", _frames.Id ?? _id);
        json.WriteString("object", kind);
        json.WriteNumber("created", _frames.Created ?? created);
        json.WriteString("model", model);
    }

    private void WriteCalls(Utf8JsonWriter json)
    {
        if (Answer.Calls.Count == 0)
        {
            return;
        }

        json.WriteStartArray("tool_calls");
        foreach (var call in Answer.Calls)
        {
            json.WriteStartObject();
            json.WriteString("id", call.Id);
            json.WriteString("type", "function");
            json.WriteStartObject("function");
            json.WriteString("name", call.Name);
            json.WriteString("arguments", call.ArgumentsJson);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private void Usage(Utf8JsonWriter json)
    {
        json.WriteStartObject("usage");
        json.WriteNumber("prompt_tokens", Used.PromptTokens);
        json.WriteNumber("completion_tokens", Used.CompletionTokens);
        json.WriteNumber("total_tokens", Used.PromptTokens + Used.CompletionTokens);
        json.WriteStartObject("prompt_tokens_details");
        json.WriteNumber("cached_tokens", Used.CachedTokens);
        if (Answer.CacheWriteTokens > 0)
        {
            json.WriteNumber("cache_write_tokens", Answer.CacheWriteTokens);
        }

        json.WriteEndObject();
        json.WriteStartObject("completion_tokens_details");
        json.WriteNumber("reasoning_tokens", Used.ReasoningTokens);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private string Finish() => Answer.Finish switch
    {
        FinishReason.Stop => "stop",
        FinishReason.Other => Answer.FinishWord?.ToLowerInvariant() ?? "stop",
        FinishReason.Length => "length",
        FinishReason.ToolCalls => "tool_calls",
        FinishReason.ContentFilter => "content_filter",
    };
}

using System.Text.Json;
using AiChat.Endpoints.Http;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Compat;

/// <summary>Relays the answer of a provider that speaks the Responses API.</summary>
/// <param name="request">The request to answer.</param>
/// <param name="model">The name by which the client knows the model.</param>
/// <param name="created">The time of creation in Unix seconds.</param>
internal sealed class ResponseRelay(CompatRequest request, string model, long created) : RelayWriter(model)
{
    private readonly List<JsonElement> _items = [];
    private JsonElement _final;
    private long _sequence;

    public override void End()
    {
    }

    // The vendor has one event for this, whoever failed.
    public override void Fail(Problem problem, string requestId)
    {
        var failed = new ResponseWriter(Model, created, request);
        failed.Fail(problem, requestId);
        Raw(failed.Ready.WrittenSpan);
    }

    public override void WriteWhole(Utf8JsonWriter json) => Write(json, _final, _items);

    protected override void OnFrame(JsonElement frame)
    {
        var type = frame.Text("type");
        var response = type is null ? frame : frame.Child("response");
        if (!request.Stream)
        {
            Gather(frame);
            if (type == "response.output_item.done")
            {
                _items.Add(frame.Child("item"));
            }
            else if (response.ValueKind == JsonValueKind.Object)
            {
                _final = response;
            }
        }
        else if (type is null)
        {
            Explode(frame);
        }
        else if (response.ValueKind == JsonValueKind.Object)
        {
            Pass(frame, json =>
            {
                foreach (var member in frame.EnumerateObject())
                {
                    if (member.NameEquals("response"))
                    {
                        json.WriteStartObject("response");
                        Write(json, response, []);
                        json.WriteEndObject();
                    }
                    else
                    {
                        Member(json, member.Name, member.Value);
                    }
                }
            });
        }
        else
        {
            Pass(frame);
        }
    }

    /// <summary>A server that does not stream answers with the whole response.</summary>
    private void Explode(JsonElement response)
    {
        void Event(string type, Action<Utf8JsonWriter> members) => Frame(type, json =>
        {
            json.WriteString("type", type);
            json.WriteNumber("sequence_number", _sequence++);
            members(json);
        });

        Event("response.created", json =>
        {
            json.WriteStartObject("response");
            Members(json, response, "model", "output", "status", "usage");
            json.WriteString("model", Model);
            json.WriteString("status", "in_progress");
            json.WriteStartArray("output");
            json.WriteEndArray();
            json.WriteNull("usage");
            json.WriteEndObject();
        });
        foreach (var (at, item) in Items(response, "output").Index())
        {
            Event("response.output_item.added", json =>
            {
                json.WriteNumber("output_index", at);
                Member(json, "item", item);
            });
            foreach (var (place, part) in Items(item, "content").Index().Where(part => part.Item.Text("type") == "output_text"))
            {
                Event("response.output_text.delta", json =>
                {
                    json.WriteString("item_id", item.Text("id"));
                    json.WriteNumber("output_index", at);
                    json.WriteNumber("content_index", place);
                    json.WriteString("delta", part.Text("text"));
                });
            }

            Event("response.output_item.done", json =>
            {
                json.WriteNumber("output_index", at);
                Member(json, "item", item);
            });
        }

        Event($"response.{(response.Text("status") == "incomplete" ? "incomplete" : "completed")}", json =>
        {
            json.WriteStartObject("response");
            Write(json, response, []);
            json.WriteEndObject();
        });
    }

    private static JsonElement.ArrayEnumerator Items(JsonElement element, string name) =>
        element.Child(name) is { ValueKind: JsonValueKind.Array } list ? list.EnumerateArray() : default;

    /// <summary>The members of a response; items that came one by one stand in for a list that a server leaves empty at the end.</summary>
    private void Write(Utf8JsonWriter json, JsonElement response, List<JsonElement> items)
    {
        var missing = items.Count > 0 && !Items(response, "output").Any();
        Members(json, response, missing ? ["model", "output"] : ["model"]);
        json.WriteString("model", Model);
        if (missing)
        {
            json.WriteStartArray("output");
            items.ForEach(item => Value(json, item));
            json.WriteEndArray();
        }
    }
}

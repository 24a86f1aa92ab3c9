using System.CommandLine;

namespace AiChat.Commands;

/// <summary>The commands of the executable; without one it serves.</summary>
internal static class CommandLine
{
    public static Task<int> Run(string[] args)
    {
        var root = new RootCommand("AiChat, a chat platform in one file. Starts the server when no command is given.");
        var initialize = new Option<bool>("--init") { Description = "Create a new database when it is missing or empty." };
        root.Options.Add(initialize);
        root.SetAction((parsed, _) => ServeCommand.Run(parsed.GetValue(initialize)));

        var serve = new Command("serve", "Start the server.");
        serve.Options.Add(initialize);
        serve.SetAction((parsed, _) => ServeCommand.Run(parsed.GetValue(initialize)));
        root.Subcommands.Add(serve);

        var health = new Command("healthcheck", "Check that the server on this machine is ready; for containers.");
        health.SetAction((_, cancellation) => HealthCheckCommand.Run(cancellation));
        root.Subcommands.Add(health);

        var version = new Command("version", "Show the version.");
        version.SetAction(_ => VersionCommand.Run());
        root.Subcommands.Add(version);

        return root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });
    }
}
